"""What needs the whole recipe: names that must exist elsewhere, and sections that must agree."""

from __future__ import annotations

import re
from pathlib import Path

from mixcore.recipe.checks_mix import check_mix
from mixcore.recipe.checks_rules import check_rules
from mixcore.recipe.checks_where import check_condition
from mixcore.recipe.columns import (
    EVERYWHERE,
    RESERVED,
    declared_columns,
    path_fault,
    path_placeholders,
    source_columns,
    suffix_format,
)
from mixcore.recipe.faults import Faults, nearest
from mixcore.recipe.models import Dedup, Near, Preference, Recipe, Source
from mixcore.recipe.yaml12 import KeyPath
from mixcore.text.bands import plan_bands

TOKENIZERS = ("words", "bytes", "bpe:cl100k_base", "bpe:o200k_base")
"""Built-in tokenizers; anything else is the path of a tokenizer.json."""
_LATER_SUFFIXES = ("csv", "tsv", "warc", "wet")
_COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BY_LENGTH = ("length",)
_WORDS = {"high", "low", "newest", "oldest", "longest", "shortest"}
_BY_SCORE = ("score", "score_bucket")


def check_recipe(recipe: Recipe, faults: Faults) -> None:
    """Note every fault and warning of a recipe whose single keys are right."""
    for name, source in recipe.sources.items():
        _check_source(name, source, recipe, faults)
    _check_names_by_case(recipe, faults)
    _check_paths(recipe, faults)
    _check_tokenizer(recipe, faults)
    check_rules(recipe, faults)
    if isinstance(recipe.dedup, Dedup):
        _check_dedup(recipe, recipe.dedup, faults)
    _check_stop_if(recipe, faults)
    if recipe.mix is not None:
        check_mix(recipe, recipe.mix, faults)


# ---- sources ----------------------------------------------------------------------------------


def _check_source(name: str, source: Source, recipe: Recipe, faults: Faults) -> None:
    at: KeyPath = ("sources", name)
    if name == "default":
        fix = "use another name; in `stop_if` it means all other sources"
        faults.add(at, "`default` cannot name a source", fix=fix)
    if not source.path:
        faults.add((*at, "path"), "should not be empty", fix="name at least one path")
    for path in source.path:
        wrong = path_fault(path)
        if wrong is not None:
            faults.add((*at, "path"), wrong[0], path, wrong[1])
        placeholders = path_placeholders(path)
        for column in dict.fromkeys(placeholders):
            if placeholders.count(column) > 1:
                faults.add(
                    (*at, "path"),
                    f"the placeholder {{{column}}} stands twice",
                    path,
                    "use two names",
                )
            if column in source.columns:
                faults.add(
                    (*at, "path"),
                    f"`{column}` is both a placeholder and a key of columns",
                    path,
                    "keep one of them",
                )
    for column in source_columns(source):
        place = (*at, "columns", column) if column in source.columns else (*at, "path")
        _check_column_name(place, column, faults)
    _check_format(at, source, faults)
    if source.language is not None and "language" in source.columns:
        faults.add(
            (*at, "language"),
            "`language` is a constant for sources without a language column, and this one has one",
            source.language,
            "keep one of them",
        )
    if source.where is not None:
        check_condition(
            (*at, "where"),
            source.where,
            source_columns(source),
            faults,
            elsewhere=declared_columns(recipe),
        )
    if source.exclude is not None:
        for kind in ("domains", "urls"):
            if getattr(source.exclude, kind) is not None and "url" not in source_columns(source):
                faults.add(
                    (*at, "exclude", kind),
                    f"excluding {kind} needs the column `url`",
                    fix=f"add `url: FIELD` to sources.{name}.columns",
                )
            else:
                _check_file((*at, "exclude", kind), getattr(source.exclude, kind), faults)
        _check_file((*at, "exclude", "ids"), source.exclude.ids, faults)


def _check_column_name(path: KeyPath, column: str, faults: Faults) -> None:
    if not _COLUMN_NAME.fullmatch(column):
        faults.add(
            path,
            "not a column name: letters, digits and `_`, no digit first",
            column,
            "the key is our name, the value is the name in the data",
        )
    elif column.lower() in RESERVED:
        faults.add(
            path,
            f"`{column}` is a column of our own tables",
            column,
            f"declare it under another name, e.g. `{column}_declared: {column}`",
        )


def _check_format(at: KeyPath, source: Source, faults: Faults) -> None:
    formats = [suffix_format(path) for path in source.path]
    known = {f for f in formats if f is not None}
    unknown = next((f for f in formats if f is not None and f.startswith(".")), None)
    if source.format is None and unknown is not None:
        later = unknown[1:] in _LATER_SUFFIXES
        faults.add(
            (*at, "path"),
            f"not yet: the format of `{unknown}` comes later" if later
            else f"`{unknown}` names no format",
            list(source.path),
            "convert it to jsonl or parquet" if later
            else "add `format: jsonl | parquet | delta | files` (files: one file = one document)",
        )  # fmt: skip
    elif source.format is None and len(known) > 1:
        fix = "make them two sources"
        faults.add((*at, "path"), "paths of different formats in one source", sorted(known), fix)
    elif "delta" in known and source.format not in (None, "delta"):
        fix = "leave `format` out"
        faults.add((*at, "format"), "a `delta:` path has the format delta", source.format, fix)
    if source.format == "files" and source.columns:
        faults.add(
            (*at, "columns"),
            "format `files` has no columns: the text is the file, the id its relative path",
            dict(source.columns),
            "take columns from the path, e.g. data/{project}/**/*.py",
        )


def _check_names_by_case(recipe: Recipe, faults: Faults) -> None:
    """Columns that differ in case only are one column to Spark."""
    seen: dict[str, str] = {}
    for column in declared_columns(recipe):
        other = seen.setdefault(column.lower(), column)
        if other != column:
            faults.add(
                ("sources",),
                f"the columns {other!r} and {column!r} differ in case only",
                fix="use one spelling",
            )


def _check_paths(recipe: Recipe, faults: Faults) -> None:
    sections = {"output": recipe.output.path}
    if recipe.pool.path != f"{recipe.output.path.rstrip('/')}/pool":  # else output tells
        sections["pool"] = recipe.pool.path
    for section, path in sections.items():
        wrong = path_fault(path)
        if path.startswith("delta:"):
            wrong = ("not a directory", "write the path without `delta:`")
        if wrong is not None:
            faults.add((section, "path"), wrong[0], path, wrong[1])
    if recipe.pool.path.rstrip("/") == recipe.output.path.rstrip("/"):
        faults.add(
            ("pool", "path"),
            "pool and output are the same directory",
            recipe.pool.path,
            "give them different ones; the default pool is OUTPUT/pool",
        )


def _check_tokenizer(recipe: Recipe, faults: Faults) -> None:
    name = recipe.tokens.tokenizer
    if name in TOKENIZERS:
        return
    path: KeyPath = ("tokens", "tokenizer")
    if name.endswith(".json"):
        _check_file(path, name, faults)
    else:
        faults.add(
            path,
            f"unknown tokenizer {name!r}",
            fix=nearest(name, TOKENIZERS) + " (or the path of a tokenizer.json)",
        )


def _check_file(path: KeyPath, file: str | None, faults: Faults) -> None:
    """A local file that the recipe names must be there; elsewhere the stage finds out."""
    if file is not None and "://" not in file and not Path(file).is_file():
        faults.add(
            path, "no such file", file, "paths are relative to the directory the command runs in"
        )


# ---- dedup, stop_if -----------------------------------------------------------------------------


def _check_dedup(recipe: Recipe, dedup: Dedup, faults: Faults) -> None:
    columns = {*declared_columns(recipe), *EVERYWHERE}
    if dedup.scope != "all":
        for column in dedup.scope.within:
            if column not in columns:
                faults.unknown(("dedup", "scope", "within"), "column", column, columns)
    for i, step in enumerate(dedup.prefer):
        _check_preference(("dedup", "prefer", i), step, recipe, columns, faults)
    for source in dedup.protect:
        if source not in recipe.sources:
            faults.unknown(("dedup", "protect"), "source", source, recipe.sources)
    if dedup.exact == "none" and dedup.near == "none":
        faults.warn(("dedup",), "exact and near are both none: write `dedup: none`")
    if dedup.near != "none":
        _check_bands(dedup.near, faults)


def _check_bands(near: Near, faults: Faults) -> None:
    at: KeyPath = ("dedup", "near")
    if (near.bands is None) != (near.rows is None):
        missing = "rows" if near.rows is None else "bands"
        what = f"`bands` and `rows` go together; `{missing}` is missing"
        fix = "give both, or neither: they are derived from min_recall"
        faults.add(at, what, fix=fix)
        return
    try:
        plan = plan_bands(near.min_jaccard, near.min_recall, near.bands, near.rows)
    except ValueError as error:
        faults.add(at, str(error), fix="lower min_recall or raise min_jaccard")
        return
    found = plan.recall(near.min_jaccard)
    if found < near.min_recall:
        what = f"{plan.bands} bands x {plan.rows} rows find {found:.1%} of the pairs at Jaccard"
        if near.preset is not None:
            limit = f"as published for {near.preset}; give `min_recall` to derive other bands"
        else:
            limit = f"less than min_recall {near.min_recall:g}"
        faults.warn(at, f"{what} {near.min_jaccard:g}, {limit}")


def _check_preference(
    path: KeyPath, step: Preference, recipe: Recipe, columns: set[str], faults: Faults
) -> None:
    valid = {*columns, *_BY_LENGTH, *_BY_SCORE}
    order = step.order
    if step.by not in valid:
        faults.unknown((*path, "by"), "column", step.by, valid)
        return
    place = (*path, "order")
    if step.by == "source":
        if isinstance(order, str):
            faults.add(
                place,
                "sources have no order of their own",
                order,
                "list them, best first: `order: [books, web]`",
            )
            return
        for source in order:
            if source not in recipe.sources:
                faults.unknown(place, "source", source, recipe.sources)
    words = (
        {"longest", "shortest"}
        if step.by in _BY_LENGTH
        else ({"high", "low"} if step.by in _BY_SCORE else _WORDS)
    )
    if isinstance(order, str):
        if order not in words:
            faults.add(
                place,
                f"`{order}` does not order `{step.by}`",
                order,
                "one of: " + ", ".join(sorted(words)),
            )
    elif step.by in (*_BY_LENGTH, *_BY_SCORE):
        faults.add(
            place,
            f"a list does not order `{step.by}`",
            list(order),
            "one of: " + ", ".join(sorted(words)),
        )
    elif len(set(order)) < len(order):
        twice = sorted({v for v in order if order.count(v) > 1})
        faults.add(place, "a value stands twice in the order", twice, "keep the first")


def _check_stop_if(recipe: Recipe, faults: Faults) -> None:
    for section in ("rejected_rows", "removed_by_dedup"):
        for name in getattr(recipe.stop_if, section):
            if name != "default" and name not in recipe.sources:
                faults.unknown(
                    ("stop_if", section, name), "source", name, [*recipe.sources, "default"]
                )
