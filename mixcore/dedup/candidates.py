"""Who might be a duplicate of whom: equal content, and shared band buckets.

Nothing here looks at scores, scope or preferences, so candidates outlive a change of those. Where
a choice must be made (representatives, anchors) it is made by id or by a hash of the id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.dedup.arrow import I64, flat_bytes, longs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ALL_PAIRS_LIMIT: Final = 64
"""Largest bucket that gives all its pairs (2,016); a larger one is hot."""
ANCHORS: Final = 4
"""Members of a hot bucket that every member is paired with. marin's verification pass used 64
anchors and found that more than 2 comparisons a document added nothing; `resolve` compares what is
left, so the number only moves work between the stages."""
_OUTPUT_ROWS: Final = 100_000
"""Rows of an Arrow batch handed back to Spark: 2 MB."""

_BAND_ROWS = T.StructType(
    [T.StructField("band_key", T.LongType()), T.StructField("doc_id", T.LongType())]
)
CANDIDATES = T.StructType(
    [
        T.StructField("is_hot", T.BooleanType()),
        T.StructField("a", T.LongType()),
        T.StructField("b", T.LongType()),
    ]
)
"""A pair a < b, or (`is_hot`) the band key of a hot bucket and a member. Pairs may repeat."""


def exact_members(signals: DataFrame) -> DataFrame:
    """Documents whose content equals that of a document with a smaller id.

    Args:
        signals: `doc_id`, `content_hash`.

    Returns:
        `doc_id`, `representative` (the smallest id of its content), for all but representatives.
    """
    same = Window.partitionBy("content_hash")
    return (
        signals.where(F.col("content_hash").isNotNull())
        .select("doc_id", F.min("doc_id").over(same).alias("representative"))
        .where(F.col("doc_id") != F.col("representative"))
    )


def band_candidates(documents: DataFrame) -> DataFrame:
    """Pairs that share a band bucket, and the members of buckets too large for all pairs.

    Args:
        documents: `doc_id`, `bands`; one row a content.

    Returns:
        `CANDIDATES`. One shuffle of (band key, id) rows: 16 bytes a band and document.
    """
    rows = documents.where(F.length("bands") > 0).select("doc_id", "bands")
    # A number of its own, so that adaptive execution does not merge the work of all cores into one
    # task: the rows are few bytes, but their Python work is not small.
    n_tasks = int(documents.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    return (
        rows.mapInArrow(_explode, _BAND_ROWS)
        .repartition(n_tasks, "band_key")
        .sortWithinPartitions("band_key", "doc_id")
        .mapInArrow(_buckets, CANDIDATES)
    )


def _explode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        data, offsets = flat_bytes(batch.column("bands"))
        keys = data.view(">i8").astype(np.int64)
        ids = np.repeat(longs(batch.column("doc_id")), np.diff(offsets) // 8)
        yield pa.RecordBatch.from_arrays([pa.array(keys), pa.array(ids)], ["band_key", "doc_id"])


def _buckets(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut rows sorted by (band key, id) into buckets; a bucket may span batches."""
    open_ids: list[I64] = []
    open_key = 0
    for batch in batches:
        keys, ids = longs(batch.column("band_key")), longs(batch.column("doc_id"))
        if not len(keys):
            continue
        if open_ids:
            going_on = int(np.searchsorted(keys, open_key, "right"))
            open_ids.append(ids[:going_on])
            if going_on == len(keys):
                continue
            members = np.concatenate(open_ids)
            yield from _emit(np.full(len(members), open_key, np.int64), members)
            keys, ids = keys[going_on:], ids[going_on:]
        last = int(np.searchsorted(keys, keys[-1], "left"))
        yield from _emit(keys[:last], ids[:last])
        open_key, open_ids = int(keys[-1]), [ids[last:]]
    if open_ids:
        members = np.concatenate(open_ids)
        yield from _emit(np.full(len(members), open_key, np.int64), members)


def _emit(keys: I64, ids: I64) -> Iterator[pa.RecordBatch]:
    """Candidates of whole buckets."""
    pairs, hot = bucket_candidates(keys, ids)
    for is_hot, (a, b) in ((False, pairs), (True, hot)):
        for start in range(0, len(a), _OUTPUT_ROWS):
            x, y = a[start : start + _OUTPUT_ROWS], b[start : start + _OUTPUT_ROWS]
            flags = pa.array(np.full(len(x), is_hot))
            yield pa.RecordBatch.from_arrays([flags, pa.array(x), pa.array(y)], CANDIDATES.names)


def bucket_candidates(
    keys: I64, ids: I64, limit: int = ALL_PAIRS_LIMIT, n_anchors: int = ANCHORS
) -> tuple[tuple[I64, I64], tuple[I64, I64]]:
    """Pairs and hot memberships of buckets.

    Args:
        keys: Ascending.
        ids: Ascending and distinct within a key.
        limit: Largest bucket with all pairs.
        n_anchors: Members of larger ones that all others are paired with.

    Returns:
        Pairs (a < b), each once a bucket, and hot memberships (key, id).
    """
    if not len(keys):
        none = np.empty(0, np.int64)
        return (none, none), (none, none)
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sizes = np.diff(np.append(starts, len(keys)))
    a: list[I64] = []
    b: list[I64] = []
    hot_keys: list[I64] = []
    hot_ids: list[I64] = []
    for size in np.unique(sizes[sizes > 1]):
        begin = starts[sizes == size]
        if size <= limit:
            x, y = np.triu_indices(size, 1)
            a.append(ids[begin[:, None] + x].ravel())
            b.append(ids[begin[:, None] + y].ravel())
            continue
        for first in begin:
            members = ids[first : first + size]
            anchors = members[np.lexsort((members, _id_hash(members)))[:n_anchors]]
            for k, anchor in enumerate(anchors):
                others = members[~np.isin(members, anchors[: k + 1])]
                a.append(np.minimum(others, anchor))
                b.append(np.maximum(others, anchor))
            hot_keys.append(keys[first : first + size])
            hot_ids.append(members)
    return (_join(a), _join(b)), (_join(hot_keys), _join(hot_ids))


def _join(parts: list[I64]) -> I64:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _id_hash(ids: I64) -> Any:
    """splitmix64's finalizer: an order of ids that has nothing to do with their values."""
    h = ids.view(np.uint64).copy()
    h ^= h >> np.uint64(30)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    h ^= h >> np.uint64(27)
    h *= np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))
