"""Raw rows to columns: every row comes out, good ones with a text, bad ones with a reason.

`parse_files` gives one row an input row:

    key, source, file, native_id, language, <declared columns>, text, reason, detail, raw

`reason` is null for a good row. Blank lines of JSON Lines and empty files are no rows. `raw` and
`detail` are for people; whoever does not select them does not pay for them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

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

BOM = "\ufeff"
_WHITESPACE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace())
"""What Python's `str.isspace` calls whitespace; the last is U+3000."""

_FIRST_CHARS = 64
"""A text with another character among these is not empty; no need to trim all of it."""

_DETAILS = """
    CASE reason
        WHEN 'not_json' THEN 'the line is not one JSON object'
        WHEN 'invalid_utf8' THEN 'bytes that are not UTF-8'
        WHEN 'lone_surrogate' THEN 'half of a surrogate pair in an escape'
        WHEN 'empty' THEN 'nothing but whitespace'
        WHEN 'too_large' THEN concat('more than ', c_max_bytes, ' bytes')
    END
"""
"""What a reason means, for a person; `no_text` names the column."""

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
    key: str,
    schema: T.StructType | None = None,
) -> DataFrame:
    """All rows of `files`, lazily; JSON Lines have a module of their own (`jsonl`).

    Args:
        spark: The session.
        spec: What the source is.
        files: At least one file of the source.
        key: Key of the batch.
        schema: Of parquet files (`parquet_schema`).

    Returns:
        See the module's docstring; all columns are STRING.

    Raises:
        RecipeError: A column that no file has.
    """
    parts = []
    for base in sorted({f.base for f in files}):
        group = [f for f in files if f.base == base]
        if spec.format == "parquet":
            assert schema is not None
            df = reader(spark).schema(schema).parquet(*locations(group))
            parts.append(_tabular(df, spec, key, file_column(base)))
        elif spec.format == "delta":
            parts.extend(_tabular(read_table(spark, f), spec, key, F.lit(f.path)) for f in group)
        else:
            parts.append(_whole(spark, spec, group, key, base))
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
        return reader(spark).option("mergeSchema", "true").parquet(*locations(files)).schema
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


def locations(files: Sequence[InputFile]) -> list[str]:
    """Where the files lie, for Spark's readers."""
    return [f.location for f in files]


def file_column(base: str) -> Column:
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


def _tabular(df: DataFrame, spec: ParseSpec, key: str, file: Column) -> DataFrame:
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
    return finish(with_constants(rows, spec, key), (spec,), columns, bad, shown)


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
    spark: SparkSession, spec: ParseSpec, files: Sequence[InputFile], key: str, base: str
) -> DataFrame:
    """A file is a document; its id is the path below the part that all patterns share."""
    if "://" in files[0].path:
        present = [f for f in files if f.size > 0]
        df = reader(spark).text(locations(present or files), wholetext=True)
        rows = df.select(F.col("value").alias("c_text"), file_column("").alias("file"))
    else:
        rows = read_whole(
            spark, files, Path(base) if base else None, spec.source.max_document_bytes
        )
    bom = F.when(F.startswith("c_text", F.lit(BOM)), F.substring("c_text", 2, 2**31 - 1))
    root = id_root(spec.patterns)
    identity = F.substring("file", len(root) + 1, 2**31 - 1)
    fields = {"text": bom.otherwise(F.col("c_text")), "id": identity}
    # beyond the limit only a part was read, which may end within a character
    is_whole = F.octet_length("c_text") <= spec.source.max_document_bytes
    bad = F.when(is_whole & ~F.is_valid_utf8("c_text"), "invalid_utf8")
    return finish(with_constants(rows, spec, key), (spec,), fields, bad, F.col("c_text"))


# ---- what all formats share --------------------------------------------------------------------


def with_constants(rows: DataFrame, spec: ParseSpec, key: str) -> DataFrame:
    """Add what is the same for all rows of a batch, and the placeholders of each file's path.

    As columns rather than as parts of later expressions, so that batches of several sources can
    share all that comes after.
    """
    values = {
        "c_key": F.lit(key),
        "c_source": F.lit(spec.name),
        "c_default_language": F.lit(spec.source.language).cast("string"),
        "c_max_bytes": F.lit(spec.source.max_document_bytes),
    }
    found = {f"c_in_path_{n}": c for n, c in _placeholder_columns(spec.patterns).items()}
    return rows.select("*", *(c.alias(n) for n, c in (values | found).items()))


def finish(
    rows: DataFrame,
    specs: Sequence[ParseSpec],
    fields: Mapping[str, Column],
    bad: Column,
    raw: Column,
) -> DataFrame:
    """Name the columns and find what is wrong with the text itself.

    Args:
        rows: With `file` and the columns of `with_constants`.
        specs: The sources that the rows come from; they find `text` under the same name.
        fields: Values by our names; a source without a column of that name has null in it.
        bad: Reason found so far, or null.
        raw: The row for people.
    """
    nothing = F.lit(None).cast("string")
    columns = {}
    for name in sorted({n for spec in specs for n in spec.declared}):
        value = fields.get(name, nothing)
        in_path = [spec.name for spec in specs if name in placeholders(spec.patterns)]
        if in_path:
            is_there = F.col("c_source").isin(*in_path)
            value = F.when(is_there, F.col(f"c_in_path_{name}")).otherwise(value)
        columns[name] = value
    rows = rows.select(
        F.col("c_key").alias("key"),
        F.col("c_source").alias("source"),
        "file",
        fields.get("id", nothing).alias("native_id"),
        F.coalesce(fields.get("language", nothing), "c_default_language").alias("language"),
        *(value.alias(name) for name, value in columns.items()),
        fields["text"].alias("text"),
        bad.alias("bad"),
        _first_bytes(raw).alias("raw"),
        "c_max_bytes",
    )
    blank = F.lit(_WHITESPACE)
    has_ink = F.ltrim(F.left("text", F.lit(_FIRST_CHARS)), blank) != ""
    is_empty = F.when(has_ink, F.lit(False)).otherwise(F.ltrim("text", blank) == "")
    reason = (
        F.when(F.col("bad").isNotNull(), F.col("bad"))
        .when(F.col("text").isNull(), "no_text")
        .when(F.expr("octet_length(text) > c_max_bytes"), "too_large")
        .when(is_empty, "empty")
    )
    no_text = F.lit(f"no text in {specs[0].columns['text']}")
    detail = F.when(F.col("reason") == "no_text", no_text).otherwise(F.expr(_DETAILS))
    kept = [c for c in rows.columns if c not in ("bad", "c_max_bytes")]
    return (
        rows.select(*kept, "c_max_bytes", reason.alias("reason"))
        .select(*kept, "reason", detail.alias("detail"))
    )  # fmt: skip


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
