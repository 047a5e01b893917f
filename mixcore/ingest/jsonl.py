"""JSON Lines: one object a line, in full.

Sources whose columns go together are parsed by one expression: the plan, and the code that Spark
generates from it, then do not grow with the number of sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.ingest.parse import (
    BOM,
    ParseSpec,
    file_column,
    finish,
    locations,
    reader,
    with_constants,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

    from mixcore.ingest.listing import InputFile

_LONE = "\ufdd0"
"""A noncharacter that stands for a lone surrogate where `from_json` would write a plain `?`."""

_LONE_SURROGATE = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


@dataclass(frozen=True)
class Lines:
    """Files of a batch."""

    key: str
    spec: ParseSpec
    files: Sequence[InputFile]


def parse_lines(spark: SparkSession, batches: Sequence[Lines]) -> list[DataFrame]:
    """All rows of some batches, one frame for each group of sources that go together, lazily.

    Returns:
        Frames as in the docstring of `parse`; declared columns are those of the group's sources.
    """
    groups: list[tuple[dict[str, str], list[Lines]]] = []
    for batch in batches:
        for columns, members in groups:
            if _go_together(columns, batch.spec.columns):
                columns.update(batch.spec.columns)
                members.append(batch)
                break
        else:
            groups.append((dict(batch.spec.columns), [batch]))
    return [_parse(spark, columns, members) for columns, members in groups]


def _go_together(columns: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether one JSON schema serves both, with the same values in either.

    Equal columns do. So do columns of which those of the same name are the same top-level field;
    names that differ by case alone are kept apart, since Spark would call them ambiguous.
    """
    if columns == other:
        return True
    both = {**columns, **other}
    return (
        not any("." in path for path in both.values())
        and all(columns.get(name, path) == path for name, path in other.items())
        and len({name.casefold() for name in both}) == len(both)
        and len({path.casefold() for path in both.values()}) == len(set(both.values()))
    )


def _read(spark: SparkSession, batch: Lines) -> DataFrame:
    """The lines of a batch that are not blank: `line`, `file` and the batch's constants."""
    bases = sorted({f.base for f in batch.files})
    parts = []
    for base in bases:
        files = [f for f in batch.files if f.base == base]
        lines = reader(spark).text(locations(files), lineSep="\n")
        bom = F.when(F.startswith("value", F.lit(BOM)), F.substring("value", 2, 2**31 - 1))
        lines = lines.select(
            bom.otherwise(F.col("value")).alias("line"), file_column(base).alias("file")
        )
        lines = lines.where(F.when(_is_plain(), F.lit(True)).otherwise(_trimmed() != ""))
        parts.append(with_constants(lines, batch.spec, batch.key))
    return reduce(DataFrame.unionByName, parts)


def _is_plain() -> Column:
    """What most lines are: in braces, with no white space around."""
    return F.expr("startswith(line, '{') AND endswith(line, '}')")


def _trimmed() -> Column:
    return F.btrim("line", F.lit(" \t\r\n"))


def _parse(spark: SparkSession, columns: Mapping[str, str], batches: Sequence[Lines]) -> DataFrame:
    """Rows of batches that `columns` serves.

    `from_json` alone would accept `{..} junk` and the first object of an array; within brackets
    it must understand the whole line. Lone surrogates, which it turns into `?`, are marked before.
    """
    lines = reduce(
        lambda a, b: a.unionByName(b, allowMissingColumns=True), [_read(spark, b) for b in batches]
    )
    trimmed = _trimmed()
    is_object = F.when(_is_plain(), F.lit(True)).otherwise(
        F.startswith(trimmed, F.lit("{")) & F.endswith(trimmed, F.lit("}"))
    )
    has_surrogate = F.contains("line", F.lit("\\ud")) | F.contains("line", F.lit("\\uD"))
    # \\ becomes \u005c, the same to JSON: after that every backslash begins an escape
    marked = F.regexp_replace(
        F.replace("line", F.lit("\\\\"), F.lit("\\u005c")), _LONE_SURROGATE, "\\\\ufdd0"
    )
    safe = F.when(has_surrogate, marked).otherwise(F.col("line"))
    parsed = F.from_json(
        F.concat(F.lit("["), safe, F.lit("]")),
        T.ArrayType(_json_schema(columns.values())),
        {"mode": "PERMISSIVE", "allowSingleQuotes": "false"},
    )
    is_utf8 = F.is_valid_utf8("line")
    row = F.struct(
        is_utf8.alias("is_utf8"),
        has_surrogate.alias("has_surrogate"),
        F.when(is_utf8 & is_object, parsed).alias("parsed"),
    )
    # a generator, since filters on what follows would otherwise be pushed below it and every line
    # be parsed twice
    constants = [c for c in lines.columns if c.startswith("c_")]
    lines = lines.select("line", "file", *constants, F.explode_outer(F.array(row)).alias("row"))
    fields = _fields(columns, [b.spec for b in batches])
    text = fields["text"]
    is_list = F.startswith(text, F.lit("[")) & _text_is(
        columns["text"], F.array_size, T.ArrayType(T.StringType())
    )
    is_map = F.startswith(text, F.lit("{")) & _text_is(
        columns["text"], F.map_keys, T.MapType(T.StringType(), T.StringType())
    )
    fields["text"] = F.when(is_list | is_map, F.lit(None)).otherwise(text)
    has_lone = F.lit(False)
    for value in fields.values():
        has_lone |= F.coalesce(F.contains(value, F.lit(_LONE)), F.lit(False))
    bad = (
        F.when(~F.col("row.is_utf8"), "invalid_utf8")
        .when(F.expr("coalesce(array_size(row.parsed), 0) <> 1"), "not_json")
        .when(F.expr("row.parsed[0] IS NULL"), "not_json")
        .when(F.col("row.has_surrogate") & has_lone, "lone_surrogate")
    )
    return finish(lines, [b.spec for b in batches], fields, bad, F.col("line"))


def _fields(columns: Mapping[str, str], specs: Sequence[ParseSpec]) -> dict[str, Column]:
    """Values by our names; null in rows of sources that do not have the name."""
    fields = {}
    for name, path in columns.items():
        value = _nested(F.expr("get(row.parsed, 0)"), path)
        owners = [spec.name for spec in specs if name in spec.columns]
        if len(owners) < len(specs):
            value = F.when(F.col("c_source").isin(*owners), value)
        fields[name] = value
    return fields


def _text_is(path: str, probe: Callable[[Column], Column], dtype: T.DataType) -> Column:
    """Whether the text field of `line` is a list or a map, for the few texts that look like one."""
    *parents, leaf = path.split(".")
    schema = T.StructType([T.StructField(leaf, dtype)])
    for part in reversed(parents):
        schema = T.StructType([T.StructField(part, schema)])
    return probe(_nested(F.from_json("line", schema), path)).isNotNull()


def _nested(column: Column, path: str) -> Column:
    for part in path.split("."):
        column = column.getField(part)
    return column


def _json_schema(paths: Iterable[str]) -> T.StructType:
    """The fields that are read, all STRING; `a.b` is field b of object a."""
    tree: dict[str, Any] = {}
    for path in sorted(set(paths)):
        node = tree
        *parents, leaf = path.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = None

    def build(node: Mapping[str, Any]) -> T.StructType:
        return T.StructType(
            [T.StructField(n, T.StringType() if c is None else build(c)) for n, c in node.items()]
        )

    return build(tree)
