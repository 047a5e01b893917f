"""Conditions of a recipe against the columns that exist where they stand."""

from __future__ import annotations

from collections.abc import Iterable

from mixcore.recipe.columns import EVERYWHERE
from mixcore.recipe.conditions import ConditionError, parse_condition
from mixcore.recipe.faults import Faults, nearest
from mixcore.recipe.yaml12 import KeyPath


def check_condition(
    path: KeyPath, text: str, valid: Iterable[str], faults: Faults, *, elsewhere: Iterable[str] = ()
) -> None:
    """Note what is wrong with a `where`.

    Args:
        path: Where it stands.
        text: The condition.
        valid: Declared columns that can be other than null here.
        faults: Receives the faults.
        elsewhere: Columns declared by other sources only.
    """
    try:
        columns = parse_condition(text).columns()
    except ConditionError as error:
        faults.add(path, error.what, fix=error.fix)
        return
    known = {*valid, *EVERYWHERE}
    for column in sorted(columns - known):
        if column in set(elsewhere):
            faults.add(
                path,
                f"the column {column!r} is declared by other sources only, so the "
                "condition never holds here",
                text,
                f"declare `{column}` here too",
            )
        else:
            faults.add(
                path,
                f"unknown column {column!r}",
                text,
                nearest(column, known) + " (declared columns can be used)",
            )
