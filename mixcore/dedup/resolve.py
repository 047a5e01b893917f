"""Who is eligible, in which order, and what goes into the one task that decides.

`resolution` sends three kinds of rows to a single task, sorted: the eligible documents of
duplicate relations, best first, then the edges between contents, then hot buckets. What the
sort orders by never leaves the JVM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.dedup.arrow import flat_bytes, flat_hashes, longs
from mixcore.dedup.greedy import (
    MAX_EDGES,
    MAX_HOT_BYTES,
    SLOTS,
    Documents,
    Edges,
    Hot,
    Resolution,
    resolve,
)
from mixcore.recipe.models import NONE
from mixcore.runtime.errors import ContractError

if TYPE_CHECKING:
    from mixcore.recipe.models import Dedup, Preference

Batches = Iterator[pa.RecordBatch]

DOCUMENT, EDGE, BUCKET, CONTENT = range(4)
"""Kinds of rows, in the order in which the task sees them."""
_OUTPUT_ROWS: Final = 50_000

_ROW = T.StructType(
    [
        T.StructField("tag", T.IntegerType()),
        T.StructField("a", T.LongType()),
        T.StructField("b", T.LongType()),
        T.StructField("scope", T.LongType()),
        T.StructField("is_protected", T.BooleanType()),
        T.StructField("jaccard", T.DoubleType()),
        T.StructField("sketch", T.BinaryType()),
        T.StructField("hashes", T.BinaryType()),
    ]
)
"""DOCUMENT: a = doc_id, b = content. EDGE: a, b = contents. BUCKET: a = band key, b = content.
CONTENT: a = content. What a kind does not need is null."""

RESOLUTION = T.StructType(
    [
        T.StructField("doc_id", T.LongType()),
        T.StructField("kept_doc_id", T.LongType()),
        T.StructField("kind", T.StringType()),
        T.StructField("jaccard", T.DoubleType()),
        T.StructField("cluster_id", T.LongType()),
        T.StructField("cluster_size", T.LongType()),
        T.StructField("is_removed", T.BooleanType()),
    ]
)

_HIGH_FIRST: Final = frozenset({"high", "newest", "longest"})
_NUMERIC: Final = frozenset({"high", "low"})
_OWN_COLUMNS: Final = frozenset({"source", "language", "score", "score_bucket", "length"})
"""What can be preferred or scoped by without being a declared column."""


def declared_needed(dedup: Dedup) -> list[str]:
    """Declared columns that `prefer` and `scope` name, sorted."""
    names = {p.by for p in dedup.prefer}
    if dedup.scope != "all":
        names |= set(dedup.scope.within)
    return sorted(names - _OWN_COLUMNS)


def contents_of(pairs: DataFrame, hot: DataFrame) -> DataFrame:
    """Every document of a pair or of a hot bucket, with its content.

    Returns:
        `doc_id`, `content`: the smallest id of the documents with the same text.
    """
    a, b = F.col("doc_a"), F.col("doc_b")
    other = F.when(F.col("kind") == "exact", a).otherwise(b)
    ends = F.array(
        F.struct(a.alias("doc_id"), a.alias("content")),
        F.struct(b.alias("doc_id"), other.alias("content")),
    )
    rows = pairs.select(F.explode(ends).alias("end")).select("end.*")
    rows = rows.unionByName(hot.select("doc_id", F.col("doc_id").alias("content")))
    # Near edges join representatives, whose content is themselves; a member's is smaller.
    return rows.groupBy("doc_id").agg(F.min("content").alias("content"))


def eligible_documents(
    contents: DataFrame, scores: DataFrame, documents: DataFrame, dedup: Dedup
) -> DataFrame:
    """The documents that passed their gates, with all that the order and the scope need.

    Args:
        contents: As `contents_of` returns.
        scores: The table's columns.
        documents: `doc_id`, `n_bytes` and declared columns; one that is absent reads as null.
        dedup: The recipe's section.

    Returns:
        `doc_id`, `content`, `scope`, `is_protected`, `order_0`, .. (see `order_columns`).
    """
    declared = [c for c in declared_needed(dedup) if c in documents.columns]
    rows = (
        scores.where(F.col("drop_gate").isNull())
        .select("doc_id", "source", "language", "score", "score_bucket")
        .join(contents, "doc_id")
        .join(documents.select("doc_id", F.col("n_bytes").alias("length"), *declared), "doc_id")
    )
    for name in declared_needed(dedup):
        if name not in declared:
            rows = rows.withColumn(name, F.lit(None).cast("string"))
    is_protected = F.col("source").isin(*dedup.protect) if dedup.protect else F.lit(False)
    order = order_columns(dedup.prefer)
    return rows.select(
        "doc_id", "content", _scope(dedup).alias("scope"), is_protected.alias("is_protected"),
        *(value.alias(f"order_{i}") for i, (value, _) in enumerate(order)),
    )  # fmt: skip


def _scope(dedup: Dedup) -> Column:
    """One number for the values of the columns of `within`; null is a value like any other."""
    if dedup.scope == "all":
        return F.lit(0).cast("bigint")
    parts: list[Column] = []
    for name in sorted(set(dedup.scope.within)):
        value = F.col(name).cast("string")
        parts += [value.isNull(), F.coalesce(value, F.lit(""))]
    return F.xxhash64(*parts)


def order_columns(prefer: Sequence[Preference]) -> list[tuple[Column, bool]]:
    """What documents are ordered by: (value, whether the higher one comes first); nulls last.

    After the preferences the longer text comes first. The id, which makes it a total order, and
    protection, which precedes it, are added by `resolution`.
    """
    order = [_preference(p) for p in prefer]
    order.append((F.col("length"), True))
    return order


def _preference(step: Preference) -> tuple[Column, bool]:
    value = F.col(step.by)
    if isinstance(step.order, tuple):
        place = F.array_position(F.array(*map(F.lit, step.order)), value.cast("string"))
        return F.nullif(place, F.lit(0).cast("bigint")), False
    high_first = step.order in _HIGH_FIRST
    if step.by in {"score", "score_bucket", "length"}:
        return value, high_first
    if step.order in _NUMERIC:
        number = value.try_cast("double")
        return F.when(~F.isnan(number), number), high_first
    if step.order in {"longest", "shortest"}:
        return F.length(value), high_first
    return value, high_first


def resolution(
    documents: DataFrame,
    edges: DataFrame,
    hot: tuple[DataFrame, DataFrame] | None,
    dedup: Dedup,
    min_equal: int,
) -> DataFrame:
    """Decide who survives, in one task.

    Args:
        documents: As `eligible_documents` returns.
        edges: `doc_a`, `doc_b`, `jaccard` of near edges, between contents.
        hot: Memberships (`band_key`, `doc_id`) and contents (`doc_id`, `sketch`, `hashes`) of hot
            buckets, or None if there are none.
        dedup: The recipe's section.
        min_equal: Equal sketch slots below which a pair of a hot bucket is no match.

    Returns:
        `RESOLUTION`.
    """
    parts = [
        _tagged(DOCUMENT, documents, doc_id="a", content="b"),
        _tagged(EDGE, edges.select("doc_a", "doc_b", "jaccard"), doc_a="a", doc_b="b"),
    ]
    if hot is not None:
        parts.append(_tagged(BUCKET, hot[0], band_key="a", doc_id="b"))
        parts.append(_tagged(CONTENT, hot[1], doc_id="a"))
    rows = reduce(lambda x, y: x.unionByName(y, allowMissingColumns=True), parts)
    for field in _ROW.fields:
        if field.name not in rows.columns:
            rows = rows.withColumn(field.name, F.lit(None).cast(field.dataType))
    order = [
        F.col(f"order_{i}").desc_nulls_last()
        if high_first
        else F.col(f"order_{i}").asc_nulls_last()
        for i, (_, high_first) in enumerate(order_columns(dedup.prefer))
    ]
    last = F.when(F.col("tag") == DOCUMENT, F.col("a"))
    limit = 1.0 if dedup.near == NONE else dedup.near.min_jaccard
    return (
        rows.repartition(1)
        .sortWithinPartitions("tag", F.col("is_protected").desc_nulls_last(), *order, last)
        .select(*_ROW.names)
        .mapInArrow(_decide(limit, min_equal), RESOLUTION)
    )


def _tagged(tag: int, rows: DataFrame, **renamed: str) -> DataFrame:
    return rows.withColumnsRenamed(renamed).withColumn("tag", F.lit(tag))


def _decide(min_jaccard: float, min_equal: int) -> Callable[[Batches], Batches]:
    def decide(batches: Batches) -> Batches:
        documents, edges, hot = _gather(batches, min_equal)
        result = resolve(documents, edges, hot, min_jaccard)
        _require_survivors(documents, result)
        yield from _as_batches(documents, result)

    return decide


def _require_survivors(documents: Documents, result: Resolution) -> None:
    """Whatever goes, goes for a document that stays."""
    stays = np.ones(len(documents.doc_id), np.bool_)
    stays[result.row[result.kept >= 0]] = False
    n_orphans = int((~stays[result.kept[result.kept >= 0]]).sum())
    if n_orphans:
        raise ContractError(
            f"{n_orphans} documents would go for one that goes itself",
            where="dedup, stage resolve",
            fix="this is a defect: please report it",
        )


def _gather(batches: Batches, min_equal: int) -> tuple[Documents, Edges, Hot]:
    """The task's input as flat arrays.

    Raises:
        ContractError: More edges, or larger hot buckets, than one task resolves.
    """
    columns: dict[tuple[int, str], list[Any]] = {}
    known: Any = None
    n_edges = n_hot_bytes = 0
    for batch in batches:
        tags = batch.column("tag").to_numpy()
        for tag in np.unique(tags):
            rows = batch.filter(pa.array(tags == tag))
            if tag == CONTENT:
                if known is None:
                    known = np.unique(_all(columns, DOCUMENT, "b", np.int64))
                # Most members may be gone with a gate: their shingles need no memory.
                rows = rows.filter(pa.array(np.isin(longs(rows.column("a")), known)))
                n_hot_bytes += rows.column("hashes").nbytes
            n_edges += len(rows) if tag == EDGE else 0
            _require("verified edges", n_edges, MAX_EDGES)
            _require("bytes of shingles in hot buckets", n_hot_bytes, MAX_HOT_BYTES)
            for name, value in _flat(int(tag), rows).items():
                columns.setdefault((int(tag), name), []).append(value)
    documents = Documents(
        _all(columns, DOCUMENT, "a", np.int64),
        _all(columns, DOCUMENT, "b", np.int64),
        _all(columns, DOCUMENT, "scope", np.int64),
        _all(columns, DOCUMENT, "is_protected", np.bool_),
    )
    edges = Edges(
        _all(columns, EDGE, "a", np.int64),
        _all(columns, EDGE, "b", np.int64),
        _all(columns, EDGE, "jaccard", np.float64),
    )
    sizes = _all(columns, CONTENT, "sizes", np.int64)
    hot = Hot(
        _all(columns, BUCKET, "a", np.int64),
        _all(columns, BUCKET, "b", np.int64),
        _all(columns, CONTENT, "a", np.int64),
        _all(columns, CONTENT, "sketches", np.uint8).reshape(-1, SLOTS),
        np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))),
        _all(columns, CONTENT, "hashes", np.uint64),
        min_equal,
    )
    return documents, edges, hot


def _require(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise ContractError(
            f"{what}: more than the {limit:,} that one task resolves (distributed rounds come "
            "later)",
            where="dedup, stage resolve",
            value=found,
            fix="raise dedup.near.min_jaccard, or run sources or languages as recipes of their own",
        )


def _flat(tag: int, rows: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"a": longs(rows.column("a"))}
    if tag == CONTENT:
        out["sketches"] = flat_bytes(rows.column("sketch"))[0]
        hashes, offsets = flat_hashes(rows.column("hashes"))
        return out | {"hashes": hashes, "sizes": np.diff(offsets)}
    out["b"] = longs(rows.column("b"))
    if tag == EDGE:
        out["jaccard"] = rows.column("jaccard").to_numpy(zero_copy_only=False)
    if tag == DOCUMENT:
        out["scope"] = longs(rows.column("scope"))
        out["is_protected"] = rows.column("is_protected").to_numpy(zero_copy_only=False)
    return out


def _all(columns: dict[tuple[int, str], list[Any]], tag: int, name: str, dtype: Any) -> Any:
    return np.concatenate([np.empty(0, dtype), *columns.get((tag, name), [])])


def _as_batches(documents: Documents, result: Resolution) -> Batches:
    ids = documents.doc_id
    for start in range(0, len(result.row), _OUTPUT_ROWS):
        part = slice(start, start + _OUTPUT_ROWS)
        kept = result.kept[part]
        survives = kept < 0
        kind = np.where(result.is_exact[part], "exact", "near")
        columns = [
            pa.array(ids[result.row[part]]),
            pa.array(ids[np.maximum(kept, 0)], mask=survives),
            pa.array(kind.astype(object), pa.string(), mask=survives),
            pa.array(result.jaccard[part], mask=survives),
            pa.array(result.cluster_id[part]),
            pa.array(result.cluster_size[part]),
            pa.array(~survives),
        ]
        yield pa.RecordBatch.from_arrays(columns, RESOLUTION.names)
