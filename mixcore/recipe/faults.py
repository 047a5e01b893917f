"""Faults of a recipe: found values, nearest valid names, and keys that are not built yet."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mixcore.recipe.models import Recipe
from mixcore.recipe.near_presets import NEAR_PRESETS
from mixcore.recipe.yaml12 import KeyPath, Positions, dotted
from mixcore.runtime.errors import RecipeError

_MAX_LISTED = 12
"""Valid names shown when none is near."""

_LATER = "this version of mixcore does not have it; remove it for now"
_NOT_YET_KEYS: dict[str, str] = {
    "sources.*.annotations": "scores and labels made elsewhere",
    "sources.*.split_documents": "splitting long documents",
    "language.detector": "language detection",
    "language.max_bytes": "language detection",
    "rules.*.edits": "line edits and masking",
    "rules.*.percentiles": "named percentile fits",
    "rules.*.combine": "combining components otherwise than by their weighted mean",
    "rules.*.pareto": "random keeps",
    "rules.*.gates.*.after": "gates on edited text",
    "rules.*.score.*.column": "score components from annotations",
    "rules.*.score.*.model": "trained quality models",
    "rules.*.score.*.map": "other maps than the percentile",
    "dedup.against": "dropping what earlier corpora hold",
    "decontaminate": "decontamination",
    "mix.phases": "curricula of several phases",
    "mix.base": "extending an earlier mixture",
    "mix.frozen": "extending an earlier mixture",
    "mix.allocate": "weights from a file",
    "mix.sample": "other ways to sample than by hash",
    "mix.min_domain_tokens": "smallest domains",
    "mix.split_last_doc": "cutting the last document at the budget",
    "mix.domains.*.upsample": "quality curves",
    "mix.domains.*.domains": "nested domains",
}  # fmt: skip
"""Keys of the recipe's full design that are refused, and what they are for."""
_NOT_YET_VALUES: dict[str, tuple[str, ...]] = {
    "sources.*.format": ("csv", "warc", "wet"),
    "language.order.*": ("detector",),
}
NOT_YET_SIGNALS = (
    "token_prior_mean", "token_prior_std", "linear_logit", "dsir_logratio", "decon_coverage",
)  # fmt: skip
"""Signals of the design that need a model or a look-up that is not built yet."""


@dataclass
class Faults:
    """Collects faults and warnings with their places."""

    positions: Positions
    errors: list[RecipeError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    not_yet: list[KeyPath] = field(default_factory=list)

    def add(self, path: KeyPath, what: str, value: Any = None, fix: str = "") -> None:
        """Note a fault at `path`."""
        where = self.positions.where(path)
        self.errors.append(RecipeError(what, where=where, value=value, fix=fix))

    def warn(self, path: KeyPath, what: str) -> None:
        """Note something legal that is probably not meant."""
        self.warnings.append(f"{self.positions.where(path)}: {what}")

    def unknown(self, path: KeyPath, kind: str, name: str, valid: Iterable[str]) -> None:
        """Note a name that does not exist, with the nearest that does."""
        self.add(path, f"unknown {kind} {name!r}", fix=nearest(name, valid))


def nearest(name: str, valid: Iterable[str]) -> str:
    """The fix for a wrong name: the nearest valid ones, or all if they are few."""
    names = sorted(set(valid))
    by_folded = {n.casefold(): n for n in reversed(names)}
    close = [by_folded[c] for c in get_close_matches(name.casefold(), by_folded, 3, 0.6)]
    if close:
        return "did you mean " + " or ".join(f"`{c}`" for c in close) + "?"
    if not names:
        return "there is none to choose from"
    shown = ", ".join(names[:_MAX_LISTED])
    return f"one of: {shown}" + (", ..." if len(names) > _MAX_LISTED else "")


# ---- keys of later versions -------------------------------------------------------------------


def take_not_yet(data: dict[str, Any], faults: Faults) -> None:
    """Report keys and values of the design that are not built, and remove them from `data`."""
    for pattern, purpose in _NOT_YET_KEYS.items():
        *parents, key = pattern.split(".")
        for path, holder in list(_match(data, tuple(parents), ())):
            if isinstance(holder, dict) and key in holder:
                here = (*path, key)
                faults.add(here, f"not yet: `{key}` ({purpose}) comes later", holder[key], _LATER)
                faults.not_yet.append(here)
                del holder[key]
    for pattern, values in _NOT_YET_VALUES.items():
        for path, value in list(_match(data, tuple(pattern.split(".")), ())):
            if isinstance(value, str) and value in values:
                faults.add(path, f"not yet: {dotted(path)} `{value}` comes later", value, _LATER)
                _forget(data, path)
    near = data.get("dedup", {}).get("near") if isinstance(data.get("dedup"), dict) else None
    if isinstance(near, str) and near not in ("none", *NEAR_PRESETS):
        faults.unknown(("dedup", "near"), "preset", near, ("none", *NEAR_PRESETS))
        del data["dedup"]["near"]


def _match(data: Any, pattern: tuple[str, ...], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if not pattern:
        yield path, data
        return
    head, rest = pattern[0], pattern[1:]
    if isinstance(data, dict):
        keys = list(data) if head == "*" else [head] if head in data else []
        for key in keys:
            yield from _match(data[key], rest, (*path, key))
    elif isinstance(data, list) and head == "*":
        for i, item in enumerate(data):
            yield from _match(item, rest, (*path, i))


def _forget(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        data = data[part]
    if isinstance(data, dict):
        del data[path[-1]]
    else:
        data[path[-1]] = "column"  # keeps the other indices; the fault is noted already


# ---- faults found by the models ----------------------------------------------------------------

_PLAIN: dict[str, tuple[str, str]] = {
    "missing": ("is missing", "add it"),
    "string_type": ("should be text", "put it in quotes"),
    "model_type": ("should be a map of keys", ""),
    "dict_type": ("should be a map of keys", ""),
    "tuple_type": ("should be a list", "write `[a, b]`"),
    "bool_parsing": ("should be true or false", ""),
    "bool_type": ("should be true or false", ""),
    "int_from_float": ("should be a whole number", ""),
    "too_short": ("should not be empty", "name at least one"),
}


def model_faults(error: ValidationError, data: dict[str, Any], faults: Faults) -> None:
    """Turn pydantic's errors into faults with lines, one a place.

    Args:
        error: What pydantic raised for `data`.
        data: The recipe as read.
        faults: Receives the faults.
    """
    groups: dict[KeyPath, list[tuple[ErrorDetails, str | None]]] = {}
    later = {path[:-1] for path in faults.not_yet}
    for detail in error.errors(include_url=False):
        path, tags = _split_location(detail["loc"], data, missing=detail["type"] == "missing")
        if any(tag.startswith("literal[") and _at(data, p) is _MAP for tag, p in tags):
            continue  # the other arm of `map | none`: a map was written, so the map's faults count
        if detail["type"] == "missing" and (path[:-1] in later or path == ("pool",)):
            continue  # a key of a later version stood in its place; pool follows from output
        tag = tags[-1][0] if tags else None
        groups.setdefault(path, []).append((detail, tag))
    for path, details in groups.items():
        _one_fault(path, details, faults)


_MAP = object()


def _at(data: Any, path: KeyPath) -> Any:
    """The value at `path`; `_MAP` for any map."""
    for part in path:
        data = data[part]
    return _MAP if isinstance(data, dict) else data


def _split_location(
    location: Sequence[str | int], data: Any, *, missing: bool
) -> tuple[KeyPath, list[tuple[str, KeyPath]]]:
    """Separate what stands in the recipe from the names pydantic gives to arms of a union."""
    path: tuple[str | int, ...] = ()
    tags: list[tuple[str, KeyPath]] = []
    for i, part in enumerate(location):
        is_last = i == len(location) - 1
        known = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if known:
            data = data[part]
            path = (*path, part)
        elif missing and is_last:
            path = (*path, part)
        elif part != "[key]" and not isinstance(part, int):
            tags.append((part, path))
    return path, tags


def _one_fault(
    path: KeyPath, details: list[tuple[ErrorDetails, str | None]], faults: Faults
) -> None:
    literal = next((d for d, _ in details if d["type"] == "literal_error"), None)
    detail = literal or details[0][0]
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        _unknown_key(path, faults)
    elif "[key]" in detail["loc"]:
        faults.add(path, "not a name: letters, digits, `_`, `-` and `.`, at most 100", path[-1])
    elif literal is not None:
        allowed = _literals(literal)
        shape = (
            " or a map of keys"
            if any(d["type"] == "model_type" for d, _ in details)
            else (" or a list" if any(d["type"] == "tuple_type" for d, _ in details) else "")
        )
        fix = nearest(value, allowed) if isinstance(value, str) else ""
        faults.add(path, f"should be {' | '.join(allowed)}{shape}", value, fix)
    elif kind == "missing":
        what, fix = _PLAIN[kind]
        faults.add(path, f"`{path[-1]}` {what}", None, fix)
    elif kind in _PLAIN:
        what, fix = _PLAIN[kind]
        is_number = kind == "string_type" and isinstance(value, bool)
        faults.add(path, what, value, fix if is_number or kind != "string_type" else "")
    else:
        message = detail["msg"].removeprefix("Value error, ").replace("Input should", "should")
        faults.add(path, message, None if isinstance(value, dict) else value)


def _literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [w.strip().strip("'") for w in expected.replace(" or ", ", ").split(", ")]


def _unknown_key(path: KeyPath, faults: Faults) -> None:
    key = str(path[-1])
    valid = keys_at(path[:-1])
    homes = [home for home, keys in _HOMES.items() if key in keys]
    fix = nearest(key, valid)
    if homes and not fix.startswith("did you mean"):
        fix = f"`{key}` is a key of " + " and of ".join(f"`{h}`" if h else "the top" for h in homes)
    faults.add(path, f"unknown key {key!r}", fix=fix)


def keys_at(path: KeyPath) -> list[str]:
    """The keys a recipe may have in the map at `path`."""
    kinds: list[Any] = [Recipe]
    for part in path:
        kinds = [k for kind in kinds for k in _below(kind, part)]
    keys = [name for kind in kinds for name in _field_names(kind)]
    return [*keys, "extends"] if not path else keys


def _field_names(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [f.alias or n for n, f in kind.model_fields.items()]
    return []


def _arms(annotation: Any) -> list[Any]:
    """The types an annotation may stand for, without `Annotated` and unions around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _arms(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [a for arm in get_args(annotation) for a in _arms(arm)]
    return [] if origin is Literal or annotation is type(None) else [annotation]


def _below(kind: Any, part: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            if part in (name, info.alias):
                return _arms(info.annotation)
        return []
    if get_origin(kind) is dict:
        return _arms(get_args(kind)[1])
    if get_origin(kind) is tuple:
        return _arms(get_args(kind)[0])
    return []


def _homes(kind: Any, path: str) -> dict[str, set[str]]:
    """Every map of the recipe with its keys, `*` for a name of the user's own."""
    out: dict[str, set[str]] = {}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        out[path] = set(_field_names(kind))
        for name, info in kind.model_fields.items():
            for arm in _arms(info.annotation):
                out |= _homes(arm, f"{path}.{info.alias or name}".lstrip("."))
    elif get_origin(kind) in (dict, tuple):
        for arm in _arms(get_args(kind)[-1 if get_origin(kind) is dict else 0]):
            out |= _homes(arm, f"{path}.*" if get_origin(kind) is dict else f"{path}[]")
    return out


_HOMES = _homes(Recipe, "")
