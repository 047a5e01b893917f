"""Numbers as people write them: `2e9`, `1_000`, `20_000_000`, quoted or not."""

from __future__ import annotations

import re
from typing import Any

NUMBER_PATTERN = (
    r"^[-+]?(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)"
    r"(?:[eE][-+]?[0-9]+)?$"
)
"""What counts as a number, also in the JSON Schema: decimal, underscores between digits."""
_NUMBER = re.compile(NUMBER_PATTERN)
_MAX_CHARS = 100
"""Python itself refuses to read integers of thousands of digits."""
_INTEGER = re.compile(r"[-+]?[0-9_]+")


def parse_number(text: str) -> int | float | None:
    """The number that `text` spells, or None.

    >>> parse_number("2e9"), parse_number("1_000"), parse_number("3 %")
    (2000000000.0, 1000, None)
    """
    if len(text) > _MAX_CHARS or not _NUMBER.match(text):
        return None
    return int(text) if _INTEGER.fullmatch(text) else float(text.replace("_", ""))


def as_number(value: Any) -> Any:
    """For pydantic: a string that spells a number becomes it; true and false are no numbers."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")  # noqa: TRY004 - pydantic
    if isinstance(value, str):
        number = parse_number(value.strip())
        if number is None:
            raise ValueError("should be a number such as 0.5, 20_000 or 2e9")
        return number
    return value
