"""How large each domain is: the natural mixture that candidates and fits start from.

Token counts or relative sizes, whichever there are, from the files that already hold them: a CSV
of two columns, a YAML or JSON map, the `report.json` of a mixcore run (what could be chosen, after
gates and deduplication), and the maps of Olmix, RegMix and DoReMi.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixcore.recipe.number import parse_number
from mixcore.recipe.yaml12 import parse
from mixcore.runtime.errors import ContractError, RecipeError

SECTIONS = ("token_counts", "relative_sizes", "priors", "train", "train_domain_weights", "sizes")
"""Keys below which the map may lie: Olmix's three, RegMix's, DoReMi's, and ours."""
_PREFIX = "train_"
"""RegMix puts it before every domain."""


def read_sizes(path: str | Path) -> dict[str, float]:
    """Sizes by domain, in the order of the file.

    Args:
        path: `.csv` (domain, size; a first line without a number is a header), `.json`, `.yaml`.

    Returns:
        Sizes > 0 or 0, at least one positive.

    Raises:
        RecipeError: No such file, or no sizes in it.
        ContractError: A size that is no number, negative or given twice.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            "the sizes of the domains cannot be read", where=str(file), value=str(error),
            fix="give a CSV of domain,tokens, a YAML or JSON map, or a run's report.json",
        ) from error  # fmt: skip
    if file.suffix == ".csv":
        pairs = _csv_pairs(text, str(file))
    else:
        data = _json(text, str(file)) if file.suffix == ".json" else parse(text, str(file))[0]
        pairs = _map_pairs(data, str(file))
    return _checked(pairs, str(file))


def read_pairs(texts: Sequence[str], flag: str) -> dict[str, float]:
    """Numbers by name from a command line: `web=0.6`; a name alone counts as 1.

    >>> read_pairs(["web=0.6", "code=2e-2"], "--max")
    {'web': 0.6, 'code': 0.02}

    Raises:
        RecipeError: No number after the last `=`, or a name given twice.
    """
    out: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        number = parse_number(value.strip()) if equals else 1
        name = name if equals else value
        if number is None or not name or name in out:
            raise RecipeError(
                "not NAME=NUMBER, or the name stands twice", where=flag, value=text,
                fix=f"e.g. {flag} web=0.5",
            )  # fmt: skip
        out[name] = float(number)
    return out


def _csv_pairs(text: str, where: str) -> list[tuple[str, Any]]:
    rows = [row for row in csv.reader(text.splitlines()) if row]
    bad = next((row for row in rows if len(row) != 2), None)
    if bad is not None:
        raise ContractError(
            "a line is not `domain,size`", where=where, value=",".join(bad),
            fix="two columns: the domain and its tokens",
        )  # fmt: skip
    if rows and parse_number(rows[0][1].strip()) is None:
        rows = rows[1:]
    return [(name.strip(), value.strip()) for name, value in rows]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RecipeError("not JSON", where=where, value=str(error), fix="mend the file") from error


def _map_pairs(data: Any, where: str) -> list[tuple[str, Any]]:
    while isinstance(data, Mapping):
        if isinstance(data.get("mix"), list):  # the report of a run
            rows = data["mix"]
            phases = {row["phase"] for row in rows}
            first = [row for row in rows if row["phase"] == min(phases)]
            return [(row["domain"], row["available"] or 0) for row in first]
        inner = next((data[s] for s in SECTIONS if isinstance(data.get(s), Mapping)), None)
        if inner is None:
            return [(str(name), value) for name, value in data.items()]
        data = inner
    raise RecipeError(
        "no sizes of domains in this file", where=where, fix="a map such as `web: 1.2e12`"
    )


def _checked(pairs: list[tuple[str, Any]], where: str) -> dict[str, float]:
    if pairs and all(name.startswith(_PREFIX) for name, _ in pairs):
        pairs = [(name.removeprefix(_PREFIX), value) for name, value in pairs]
    out: dict[str, float] = {}
    for name, value in pairs:
        number = parse_number(value) if isinstance(value, str) else value
        if not isinstance(number, int | float) or isinstance(number, bool):
            raise ContractError(
                f"the size of {name!r} is no number", where=where, value=value, fix="e.g. 1.2e12"
            )
        if not math.isfinite(number) or number < 0:
            raise ContractError(
                f"the size of {name!r} is negative or infinite", where=where, value=value,
                fix="a size is 0 or more",
            )  # fmt: skip
        if name in out:
            raise ContractError(
                f"the domain {name!r} stands twice", where=where, fix="keep one line of it"
            )
        out[name] = float(number)
    if not any(out.values()):
        raise RecipeError(
            "no domain has a size above 0", where=where, fix="domain,tokens in each line"
        )
    return out
