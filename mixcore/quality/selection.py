"""`where` and `exclude`: documents that are out before any gate looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.quality.lists import HOST_PATTERN, KINDS, URL_NOISE, ExclusionList
from mixcore.runtime.conditions import to_column

if TYPE_CHECKING:
    from mixcore.recipe.conditions import Condition

MAX_BROADCAST_ENTRIES = 1_000_000
"""A larger list is left to Spark's own choice of join."""
_MAX_VALUE_CHARS = 200
_MAX_PARENTS = 32
"""Parent domains looked up; no real host has as many, a hostile one must not cost its square."""
_VERDICT = T.StructType(
    [T.StructField(name, T.StringType()) for name in ("gate", "value", "limit")]
)
OUT_SCHEMA = T.StructType([T.StructField("doc_id", T.LongType()), T.StructField("out", _VERDICT)])


def verdict(gate: str, value: Column, limit: Column | str) -> Column:
    """A STRUCT(gate, value, limit) of strings."""
    return F.struct(
        F.lit(gate).alias("gate"),
        value.cast("string").alias("value"),
        (F.lit(limit) if isinstance(limit, str) else limit).alias("limit"),
    )


@dataclass(frozen=True)
class Selection:
    """What a source takes.

    Attributes:
        where: Condition over declared columns, parsed; None: everything.
        where_text: The condition as written.
        lists: Exclusion lists.
    """

    where: Condition | None
    where_text: str
    lists: tuple[ExclusionList, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of `documents` that it looks at, sorted."""
        names = set(self.where.columns()) if self.where is not None else set()
        for item in self.lists:
            names.add("native_id" if item.kind == "ids" else "url")
        return tuple(sorted(names))

    def __bool__(self) -> bool:
        return self.where is not None or bool(self.lists)


def excluded(documents: DataFrame, selection: Selection) -> DataFrame:
    """Documents that are out, each once.

    Args:
        documents: `doc_id` and the selection's columns (STRING).
        selection: What the source takes.

    Returns:
        `doc_id`, `out` STRUCT(gate, value, limit): `where` before `exclude`, domains before urls
        before ids, the most specific domain first.
    """
    parts = []
    if selection.where is not None:
        names = sorted(selection.where.columns())
        shown = [
            F.concat(F.lit(f"{n}="), F.coalesce(F.col(f"`{n}`"), F.lit("null"))) for n in names
        ]
        value = F.substring(F.concat_ws(", ", *shown), 1, _MAX_VALUE_CHARS)
        is_out = ~to_column(selection.where)
        parts.append(
            documents.where(is_out).select(
                "doc_id",
                F.lit(-1).alias("rank"),
                F.lit(0).alias("size"),
                verdict("where", value, selection.where_text).alias("out"),
            )
        )
    if selection.lists:
        parts.append(_hits(documents, selection.lists))
    if not parts:
        return documents.sparkSession.createDataFrame([], OUT_SCHEMA)
    first = F.min(F.struct("rank", "size", "out"))
    hits = reduce(DataFrame.unionByName, parts)
    return hits.groupBy("doc_id").agg(first.alias("first")).select("doc_id", "first.out")


def _hits(documents: DataFrame, lists: tuple[ExclusionList, ...]) -> DataFrame:
    """Hits of any list: one look-up key a parent domain, address and id, one join for all."""
    keys = F.flatten(F.array(*[_look_ups(item) for item in lists]))
    rows = [(KINDS.index(item.kind), entry) for item in lists for entry in item.entries]
    schema = T.StructType(
        [T.StructField("rank", T.IntegerType()), T.StructField("entry", T.StringType())]
    )
    entries = documents.sparkSession.createDataFrame(rows, schema)
    if len(rows) <= MAX_BROADCAST_ENTRIES:
        entries = F.broadcast(entries)
    limit = F.element_at(
        F.array(*[F.lit(_named(kind, lists)) for kind in KINDS]), F.col("rank") + 1
    )
    return (
        documents.select("doc_id", F.explode(keys).alias("look"))
        .select("doc_id", "look.rank", "look.entry")
        .join(entries, ["rank", "entry"])
        .select(
            "doc_id",
            "rank",
            (-F.length("entry")).alias("size"),
            verdict("exclude", F.substring("entry", 1, _MAX_VALUE_CHARS), limit).alias("out"),
        )
    )


def _named(kind: str, lists: tuple[ExclusionList, ...]) -> str:
    return next((f"{kind}: {item.path}" for item in lists if item.kind == kind), kind)


def _look_ups(item: ExclusionList) -> Column:
    """ARRAY of STRUCT(rank, entry): what to look up of a document; empty where it has no value."""
    rank, blanks = F.lit(KINDS.index(item.kind)), F.lit(" \t\r\n")

    def keyed(values: Column) -> Column:
        return F.transform(values, lambda v: F.struct(rank.alias("rank"), v.alias("entry")))

    if item.kind == "domains":
        host = F.regexp_extract(F.lower(F.col("url")), HOST_PATTERN, 1)
        labels = F.split(F.coalesce(F.trim(host, F.lit(".")), F.lit("")), r"\.")
        count = F.size(labels)
        parents = F.transform(
            F.sequence(F.greatest(F.lit(1), count - _MAX_PARENTS), count),
            lambda i: F.array_join(F.slice(labels, i, count), "."),
        )
        return keyed(parents)
    if item.kind == "urls":
        bare = F.regexp_replace(F.trim(F.col("url"), blanks), URL_NOISE, "")
        return keyed(F.array_compact(F.array(F.rtrim(bare, F.lit("/")))))
    return keyed(F.array_compact(F.array(F.trim(F.col("native_id"), blanks))))
