"""Which input file a failed read was about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mixcore.runtime.errors import ContractError, InfrastructureError

if TYPE_CHECKING:
    from mixcore.ingest.listing import InputFile

_FAILED = re.compile(
    r"\[FAILED_READ_FILE\.(?P<kind>\w+)\].{0,200}?reading file (?P<tail>.{1,4000})", re.DOTALL
)
"""Spark's error condition; the path ends in a full stop, as names may too."""


def damaged_file(error: BaseException, files: Iterable[InputFile]) -> InputFile | None:
    """The file that could not be read, or None if the error is about something else.

    Raises:
        InfrastructureError: The file has vanished since it was listed.
    """
    found = _FAILED.search(str(error))
    if found is None:
        return None
    tails = {_plain(found["tail"]), _plain(unquote(found["tail"]))}
    hits = [f for f in files if any(t.startswith(f"{_plain(f.location)}.") for t in tails)]
    if not hits:
        return None
    # of a.gz and a.gz.b.gz the longer name is meant, if the message goes on that far
    file = max(hits, key=lambda f: len(f.location))
    if found["kind"] == "FILE_NOT_EXIST":
        raise InfrastructureError(
            "a file vanished while it was read",
            where=file.path,
            fix="run again: the source is listed anew",
        )
    return file


def _plain(location: str) -> str:
    return re.sub(r"^file:/+", "/", location)


def refuse(name: str, file: InputFile) -> ContractError:
    """The error for a damaged file under `on_corrupt_file: fail`."""
    return ContractError(
        "a file is truncated or cannot be read",
        where=f"sources.{name}",
        value=file.path,
        fix="mend or remove the file, or set on_corrupt_file: quarantine to go on without it",
    )
