"""Raw rows to columns: every row comes out, good ones with a text, bad ones with a reason.

`parse_files` gives one row an input row:

    source, file, native_id, language, <declared columns>, text, reason, detail, raw

`reason` is null for a good row. Blank lines of JSON Lines and empty files are no rows. `raw` and
`detail` are for people; whoever does not select them does not pay for them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.ingest.listing import InputFile, read_table
from mixcore.ingest.patterns import id_root, pattern_regex, placeholder_groups, placeholders
from mixcore.ingest.whole import read_whole
from mixcore.runtime.errors import ContractError, RecipeError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession

    from mixcore.recipe.models import Source

RAW_BYTES = 4096
"""Of a refused row this much is kept (architecture, table quarantine)."""

_BOM = "\ufeff"
_LONE = "\ufdd0"
"""A noncharacter that stands for a lone surrogate where `from_json` would write a plain `?`."""

_LONE_SURROGATE = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_WHITESPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
"""What Python's `str.isspace` calls whitespace; the last is U+3000."""

_FIRST_CHARS = 64
"""A text with another character among these is not empty; no need to trim all of it."""

_RESERVED = ("key", "doc_id", "source", "native_id", "file", "n_bytes")
_OWN = ("text", "id", "language")
"""Keys of `columns` with a place of their own; every other one is a declared column."""


@dataclass(frozen=True)
class ParseSpec:
    """All that the rows of a source depend on besides its files."""

    name: str
    source: Source
    format: str
    patterns: tuple[str, ...]

    @property
    def where(self) -> str:
        """Place in the recipe, for messages."""
        return f"sources.{self.name}.columns"

    @property
    def columns(self) -> dict[str, str]:
        """Our name to the source's name; `text` is called `text` unless the recipe says else."""
        return {"text": "text", **self.source.columns}

    @property
    def declared(self) -> tuple[str, ...]:
        """Declared columns of this source, sorted."""
        names = {c for c in self.source.columns if c not in _OWN}
        return tuple(sorted(names | set(placeholders(self.patterns))))

    def check(self) -> None:
        """Raise RecipeError for columns that cannot be."""
        for name in self.declared:
            if name in _RESERVED:
                raise RecipeError(
                    "this column name is taken by our own tables",
                    where=self.where,
                    value=name,
                    fix=f"choose another name than {', '.join(_RESERVED)}",
                )
        if self.format == "files" and self.source.columns:
            raise RecipeError(
                "whole files have no columns",
                where=self.where,
                value=sorted(self.source.columns),
                fix="leave `columns` out, or use {name} in the path for a column",
            )
        paths = sorted({p for p in self.columns.values() if self.format == "jsonl"})
        for first, second in pairwise(paths):
            if second.startswith(f"{first}."):
                raise RecipeError(
                    "a field and a field inside it cannot both be columns",
                    where=self.where,
                    value=[first, second],
                    fix="name one of the two",
                )


def parse_files(
    spark: SparkSession,
    spec: ParseSpec,
    files: Sequence[InputFile],
    schema: T.StructType | None = None,
) -> DataFrame:
    """All rows of `files`, lazily.

    Args:
        spark: The session.
        spec: What the source is.
        files: At least one file of the source.
        schema: Of parquet files (`parquet_schema`).

    Returns:
        See the module's docstring; all columns are STRING.

    Raises:
        RecipeError: A column that no file has.
    """
    parts = []
    for base in sorted({f.base for f in files}):
        group = [f for f in files if f.base == base]
        if spec.format == "jsonl":
            parts.append(_jsonl(spark, spec, group, base))
        elif spec.format == "parquet":
            assert schema is not None
            df = reader(spark).schema(schema).parquet(*_locations(group))
            parts.append(_tabular(df, spec, _file_column(base)))
        elif spec.format == "delta":
            parts.extend(_tabular(read_table(spark, f), spec, F.lit(f.path)) for f in group)
        else:
            parts.append(_whole(spark, spec, group, base))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return rows


def parquet_schema(
    spark: SparkSession, spec: ParseSpec, files: Sequence[InputFile]
) -> T.StructType:
    """All columns of all files, from their footers.

    Raises:
        ContractError: Two files disagree on the type of a column.
    """
    try:
        return reader(spark).option("mergeSchema", "true").parquet(*_locations(files)).schema
    except Exception as error:
        if "CANNOT_MERGE" not in str(error):
            raise
        raise ContractError(
            "parquet files of one source disagree on the type of a column",
            where=f"sources.{spec.name}",
            value=str(error).splitlines()[0],
            fix="make two sources of them",
        ) from error


def reader(spark: SparkSession) -> DataFrameReader:
    """A reader that takes paths literally and stops at a damaged or missing file."""
    return (
        spark.read.option("recursiveFileLookup", "true")
        .option("__globPaths__", "false")
        .option("ignoreCorruptFiles", "false")
        .option("ignoreMissingFiles", "false")
    )


def _locations(files: Sequence[InputFile]) -> list[str]:
    return [f.location for f in files]


def _file_column(base: str) -> Column:
    """The path as listed, from Spark's percent-encoded one."""
    uri = F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B"))
    path = F.url_decode(uri)
    if base:
        return F.regexp_replace(path, f"^file:/+{_java_literal(base.lstrip('/'))}/", "")
    return F.regexp_replace(path, "^file:/+", "/")


def _java_literal(text: str) -> str:
    r"""The text quoted for a Java regular expression (it has no `\E`: Spark paths are decoded)."""
    return rf"\Q{text}\E"


# ---- formats -----------------------------------------------------------------------------------


def _jsonl(
    spark: SparkSession, spec: ParseSpec, files: Sequence[InputFile], base: str
) -> DataFrame:
    """JSON Lines: one object a line, in full.

    `from_json` alone would accept `{..} junk` and the first object of an array; within brackets
    it must understand the whole line. Lone surrogates, which it turns into `?`, are marked before.
    """
    lines = reader(spark).text(_locations(files), lineSep="\n")
    bom = F.when(F.startswith("value", F.lit(_BOM)), F.substring("value", 2, 2**31 - 1))
    lines = lines.select(
        bom.otherwise(F.col("value")).alias("line"), _file_column(base).alias("file")
    )
    trimmed = F.btrim("line", F.lit(" \t\r\n"))
    plain = F.startswith("line", F.lit("{")) & F.endswith("line", F.lit("}"))
    lines = lines.where(F.when(plain, F.lit(True)).otherwise(trimmed != ""))
    is_object = F.when(plain, F.lit(True)).otherwise(
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
        T.ArrayType(_json_schema(spec.columns.values())),
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
    lines = lines.select("line", "file", F.explode_outer(F.array(row)).alias("row"))
    fields = {
        name: F.get(F.col("row.parsed"), F.lit(0)).getField(path.split(".")[0])
        if "." not in path
        else _nested(F.get(F.col("row.parsed"), F.lit(0)), path)
        for name, path in spec.columns.items()
    }
    text = fields["text"]
    is_list = F.startswith(text, F.lit("[")) & _text_is(
        spec, F.array_size, T.ArrayType(T.StringType())
    )
    is_map = F.startswith(text, F.lit("{")) & _text_is(
        spec, F.map_keys, T.MapType(T.StringType(), T.StringType())
    )
    fields["text"] = F.when(is_list | is_map, F.lit(None)).otherwise(text)
    has_lone = F.lit(False)
    for value in fields.values():
        has_lone |= F.coalesce(F.contains(value, F.lit(_LONE)), F.lit(False))
    bad = (
        F.when(~F.col("row.is_utf8"), "invalid_utf8")
        .when(F.coalesce(F.array_size("row.parsed"), F.lit(0)) != 1, "not_json")
        .when(F.get(F.col("row.parsed"), F.lit(0)).isNull(), "not_json")
        .when(F.col("row.has_surrogate") & has_lone, "lone_surrogate")
    )
    return _finish(lines, spec, fields, bad, F.col("line"))


def _text_is(spec: ParseSpec, probe: Callable[[Column], Column], dtype: T.DataType) -> Column:
    """Whether the text field of `line` is a list or a map, for the few texts that look like one."""
    path = spec.columns["text"]
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


def _tabular(df: DataFrame, spec: ParseSpec, file: Column) -> DataFrame:
    """Parquet and Delta: named columns of any type, as strings."""
    fields = {n: _as_string(*_resolve(df, spec, p)) for n, p in spec.columns.items()}
    names = list(fields)
    rows = df.select(*(c.alias(f"c_{n}") for n, c in fields.items()), file.alias("file"))
    columns = {n: F.col(f"c_{n}") for n in names}
    bad = F.lit(None).cast("string")
    for name in sorted(names):
        valid = F.coalesce(F.is_valid_utf8(columns[name]), F.lit(True))
        bad = F.coalesce(bad, F.when(~valid, F.lit("invalid_utf8")))
    shown = F.to_json(
        F.struct(
            *(F.make_valid_utf8(F.left(c, F.lit(RAW_BYTES))).alias(n) for n, c in columns.items())
        )
    )
    return _finish(rows, spec, columns, bad, shown)


def _resolve(df: DataFrame, spec: ParseSpec, path: str) -> tuple[Column, T.DataType]:
    """The column of a name, which may lead into structs."""
    if path in df.columns:
        return F.col(f"`{path}`"), df.schema[path].dataType
    column: Column | None = None
    dtype: T.DataType = df.schema
    for part in path.split("."):
        if not isinstance(dtype, T.StructType) or part not in dtype.names:
            close = difflib.get_close_matches(path, df.columns, n=1, cutoff=0.0)
            raise RecipeError(
                f"the {spec.format} data has no such column",
                where=spec.where,
                value=path,
                fix=f"nearest: {close[0]}; all: {', '.join(df.columns)}" if close else "",
            )
        column = F.col(f"`{part}`") if column is None else column.getField(part)
        dtype = dtype[part].dataType
    assert column is not None
    return column, dtype


def _as_string(column: Column, dtype: T.DataType) -> Column:
    if isinstance(dtype, T.StructType | T.ArrayType | T.MapType):
        return F.to_json(column)
    return column.cast("string")


def _whole(
    spark: SparkSession, spec: ParseSpec, files: Sequence[InputFile], base: str
) -> DataFrame:
    """A file is a document; its id is the path below the part that all patterns share."""
    if "://" in files[0].path:
        present = [f for f in files if f.size > 0]
        df = reader(spark).text(_locations(present or files), wholetext=True)
        rows = df.select(F.col("value").alias("c_text"), _file_column("").alias("file"))
    else:
        rows = read_whole(
            spark, files, Path(base) if base else None, spec.source.max_document_bytes
        )
    bom = F.when(F.startswith("c_text", F.lit(_BOM)), F.substring("c_text", 2, 2**31 - 1))
    root = id_root(spec.patterns)
    identity = F.substring("file", len(root) + 1, 2**31 - 1)
    fields = {"text": bom.otherwise(F.col("c_text")), "id": identity}
    # beyond the limit only a part was read, which may end within a character
    is_whole = F.octet_length("c_text") <= spec.source.max_document_bytes
    bad = F.when(is_whole & ~F.is_valid_utf8("c_text"), "invalid_utf8")
    return _finish(rows, spec, fields, bad, F.col("c_text"))


# ---- what all formats share --------------------------------------------------------------------


def _finish(
    rows: DataFrame, spec: ParseSpec, fields: Mapping[str, Column], bad: Column, raw: Column
) -> DataFrame:
    """Name the columns and find what is wrong with the text itself."""
    source, text = spec.source, F.col("text")
    language = fields.get("language", F.lit(None).cast("string"))
    values = {n: fields[n] for n in spec.declared if n in fields}
    values |= _placeholder_columns(spec.patterns)
    rows = rows.select(
        F.lit(spec.name).alias("source"),
        "file",
        fields.get("id", F.lit(None).cast("string")).alias("native_id"),
        F.coalesce(language, F.lit(source.language).cast("string")).alias("language"),
        *(values[n].alias(n) for n in spec.declared),
        fields["text"].alias("text"),
        bad.alias("bad"),
        _first_bytes(raw).alias("raw"),
    )
    has_ink = F.ltrim(F.left("text", F.lit(_FIRST_CHARS)), F.lit(_WHITESPACE)) != ""
    is_empty = F.when(has_ink, F.lit(False)).otherwise(F.ltrim("text", F.lit(_WHITESPACE)) == "")
    limit, n_bytes = source.max_document_bytes, F.octet_length("text")
    reason = (
        F.when(F.col("bad").isNotNull(), F.col("bad"))
        .when(text.isNull(), "no_text")
        .when(n_bytes > limit, "too_large")
        .when(is_empty, "empty")
    )
    detail = (
        F.when(F.col("reason") == "not_json", "the line is not one JSON object")
        .when(F.col("reason") == "invalid_utf8", "bytes that are not UTF-8")
        .when(F.col("reason") == "lone_surrogate", "half of a surrogate pair in an escape")
        .when(F.col("reason") == "no_text", f"no text in {spec.columns['text']}")
        .when(F.col("reason") == "empty", "nothing but whitespace")
        .when(F.col("reason") == "too_large", F.concat(F.lit(f"more than {limit} bytes")))
    )
    kept = [c for c in rows.columns if c != "bad"]
    return rows.select(*kept, reason.alias("reason")).select("*", detail.alias("detail"))


def _first_bytes(raw: Column) -> Column:
    """The first bytes as a valid string."""
    return F.make_valid_utf8(F.substring(raw.cast("binary"), 1, RAW_BYTES).cast("string"))


def _placeholder_columns(patterns: Sequence[str]) -> dict[str, Column]:
    """`{name}` of the first pattern that matches the file's path."""
    out: dict[str, Column] = {}
    for name in placeholders(patterns):
        value = F.lit(None).cast("string")
        for pattern in patterns:
            regex, groups = pattern_regex(pattern), placeholder_groups(pattern)
            found = (
                F.regexp_extract("file", regex, groups.index(name) + 1)
                if name in groups
                else F.lit(None).cast("string")
            )
            value = F.coalesce(value, F.when(F.rlike("file", F.lit(regex)), found))
        out[name] = value
    return out
