"""From a recipe file to a checked `Recipe`: files below it, overrides, every fault at once.

Reading is YAML 1.2 (`mixcore.recipe.yaml12`). `extends:` names a file relative to the one it
stands in; data paths of a recipe are relative to the directory the command runs in. Nothing here
looks at data: what only the data can show is found by `plan`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mixcore.recipe.checks import check_recipe
from mixcore.recipe.columns import declared_columns, path_placeholders
from mixcore.recipe.faults import Faults, model_faults, take_not_yet
from mixcore.recipe.models import Recipe
from mixcore.recipe.rules import rules_digest
from mixcore.recipe.yaml12 import Positions, dotted, merge, parse, parse_value, without_nulls
from mixcore.runtime.errors import RecipeError, RecipeErrors
from mixcore.runtime.keys import sha256

__all__ = ["LoadedRecipe", "declared_columns", "load_recipe", "load_text", "path_placeholders"]

_SET = "--set"


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe that passed every check that needs no data."""

    recipe: Recipe
    sha256: str
    """Of the resolved recipe: all defaults filled in, presets expanded."""
    warnings: tuple[str, ...]
    """Legal, but probably not meant; each with file, line and key."""
    path: Path
    positions: Positions

    def where(self, *path: str | int) -> str:
        """`file:line: key.path` of a part of the recipe, for messages found later."""
        return self.positions.where(path)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Read, merge and check a recipe file.

    Args:
        path: The YAML file.
        overrides: `a.b=value` each, laid over the file; the value is YAML, `null` takes a key back.

    Raises:
        RecipeErrors: All faults found, each with file, line, key, value and fix.
    """
    file = Path(path)
    data, positions = _read_layers(file, ())
    return _finish(data, positions, overrides, file)


def load_text(
    yaml_text: str, overrides: Sequence[str] = (), name: str = "recipe.yaml"
) -> LoadedRecipe:
    """As `load_recipe` for a text; `extends:` is relative to the current directory."""
    data, positions = _layer(yaml_text, Path(name), ())
    return _finish(data, positions, overrides, Path(name))


def _finish(
    data: dict[str, Any], positions: Positions, overrides: Sequence[str], path: Path
) -> LoadedRecipe:
    _apply_overrides(data, positions, overrides)
    data = without_nulls(data)
    faults = Faults(positions)
    take_not_yet(data, faults)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        model_faults(error, data, faults)
    else:
        check_recipe(recipe, faults)
    if faults.errors:
        raise RecipeErrors(sorted(faults.errors, key=_place))
    digest = sha256({"recipe": recipe.model_dump(mode="json"), "rules": rules_digest(recipe)})
    return LoadedRecipe(recipe, digest, tuple(faults.warnings), path, positions)


def _place(error: RecipeError) -> tuple[str, int]:
    """Faults are shown in the order of the file."""
    match = re.match(r"(.*?):(\d+)", error.where)
    return (match[1], int(match[2])) if match else (error.where, 0)


# ---- layers -----------------------------------------------------------------------------------


def _read_layers(file: Path, below: tuple[Path, ...]) -> tuple[dict[str, Any], Positions]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise RecipeErrors(
            [
                RecipeError(
                    f"the recipe cannot be read: {reason}",
                    where=str(file),
                    fix="give the path of a recipe file; `mixcore init` writes one",
                )
            ]
        ) from error
    return _layer(text, file, below)


def _layer(text: str, file: Path, below: tuple[Path, ...]) -> tuple[dict[str, Any], Positions]:
    data, positions = parse(text, str(file))
    extends = data.pop("extends", None)
    if extends is None:
        return data, positions
    where = positions.where(("extends",))
    if not isinstance(extends, str):
        raise RecipeErrors(
            [
                RecipeError(
                    "`extends` names one file",
                    where=where,
                    value=extends,
                    fix="write `extends: base.yaml`",
                )
            ]
        )
    base_file = file.parent / extends
    chain = (*below, file.resolve())
    if base_file.resolve() in chain:
        shown = " -> ".join([p.name for p in chain] + [base_file.name])
        raise RecipeErrors(
            [
                RecipeError(
                    "the files extend each other in a circle",
                    where=where,
                    value=shown,
                    fix="let one of them stand alone",
                )
            ]
        )
    if not base_file.is_file():
        raise RecipeErrors(
            [
                RecipeError(
                    f"no file {base_file}",
                    where=where,
                    value=extends,
                    fix="`extends` is relative to the file it stands in",
                )
            ]
        )
    base, base_positions = _read_layers(base_file, chain)
    merge(base, base_positions, data, positions)
    return base, base_positions


# ---- overrides --------------------------------------------------------------------------------


def _apply_overrides(data: dict[str, Any], positions: Positions, overrides: Sequence[str]) -> None:
    faults: list[RecipeError] = []
    for text in overrides:
        name = f"{_SET} {text}"
        key, equals, raw = text.partition("=")
        if not equals or not key.strip() or ".." in f".{key.strip()}.":
            faults.append(
                RecipeError(
                    "an override has the form key=value",
                    where=_SET,
                    value=text,
                    fix=f"e.g. {_SET} mix.budget.tokens=1e9",
                )
            )
            continue
        try:
            value = None if not raw.strip() else parse_value(raw, name)
        except RecipeErrors as error:
            faults.extend(error.errors)
            continue
        if not raw.strip():
            faults.append(
                RecipeError(
                    "an override needs a value", where=name, fix="write `null` to take the key back"
                )
            )
            continue
        fault = _override(data, positions, key.strip().split("."), value, name)
        if fault is not None:
            faults.append(fault)
    if faults:
        raise RecipeErrors(faults)


def _override(
    data: dict[str, Any], positions: Positions, parts: list[str], value: Any, name: str
) -> RecipeError | None:
    """Set one value. Names with dots are found as written where the map has them."""
    at: Any = data
    path: tuple[str | int, ...] = ()
    while parts:
        if isinstance(at, list):
            return RecipeError(
                f"{dotted(path)} is a list; lists are replaced as wholes",
                where=name,
                fix=f"{_SET} '{dotted(path)}=[...]'",
            )
        n = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in at), 1)
        key, parts = ".".join(parts[:n]), parts[n:]
        path = (*path, key)
        if not parts:
            positions.drop(path)
            positions.lines[path] = name
            at[key] = value
            return None
        if not isinstance(at.get(key), dict | list):
            positions.drop(path)
            positions.lines[path] = name
            at[key] = {}
        at = at[key]
    return None
