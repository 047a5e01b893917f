"""Who might be a duplicate of whom: equal content, and shared band buckets.

Nothing here looks at scores, scope or preferences, so candidates outlive a change of those. Where
a choice must be made (representatives, anchors) it is made by id or by a hash of the id.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
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

_ENTRY: Final = 16
"""Bytes of a band key and a document id."""
_BLOCK_BYTES: Final = 64 << 20
"""Entries that a task collects before it sends them: large blocks, bounded memory."""
TASK_BYTES: Final = 128 << 20
"""Entries that a task sorts; it needs some five times as much memory."""

_BLOCK = T.StructType(
    [T.StructField("task", T.IntegerType()), T.StructField("entries", T.BinaryType())]
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


def n_tasks(n_documents: int, n_bands: int, at_least: int) -> int:
    """Tasks of the band shuffle: each sorts its part in memory.

    >>> n_tasks(1_000_000, 12, 8), n_tasks(1_000_000_000, 12, 200)
    (8, 1431)
    """
    return max(at_least, -(-n_documents * n_bands * _ENTRY // TASK_BYTES))


def band_candidates(documents: DataFrame, tasks: int) -> DataFrame:
    """Pairs that share a band bucket, and the members of buckets too large for all pairs.

    Args:
        documents: `doc_id`, `bands`; one row a content.
        tasks: Tasks of the one shuffle, see `n_tasks`. The result does not depend on it.

    Returns:
        `CANDIDATES`. The shuffle moves 16 bytes a band and document, a block for each pair of
        tasks: as rows of (band key, id) they would cost several times as much to write, sort and
        read again.
    """
    rows = documents.where(F.length("bands") > 0).select("doc_id", "bands")
    return (
        rows.mapInArrow(partial(_blocks, tasks=tasks), _BLOCK)
        .repartitionById(tasks, "task")
        .select("entries")
        .mapInArrow(_buckets, CANDIDATES)
    )


def _blocks(batches: Iterator[pa.RecordBatch], *, tasks: int) -> Iterator[pa.RecordBatch]:
    """(band key, id) entries, collected by the task that gets them."""
    held: list[tuple[I64, I64]] = []
    n_held = 0
    for batch in batches:
        data, offsets = flat_bytes(batch.column("bands"))
        keys = data.view(">i8").astype(np.int64)
        held.append((keys, np.repeat(longs(batch.column("doc_id")), np.diff(offsets) // 8)))
        n_held += len(keys)
        if n_held * _ENTRY >= _BLOCK_BYTES:
            yield _by_task(held, tasks)
            held, n_held = [], 0
    if n_held:
        yield _by_task(held, tasks)


def _by_task(held: list[tuple[I64, I64]], tasks: int) -> pa.RecordBatch:
    keys, ids = (np.concatenate(part) for part in zip(*held, strict=True))
    # The keys are hashes: their upper half spreads them evenly, and stays below 2^63 times tasks.
    place = ((keys.view(np.uint64) >> np.uint64(33)) * np.uint64(tasks) >> np.uint64(31)).view(
        np.int64
    )
    order = np.argsort(place, kind="stable")
    entries = np.stack((keys[order], ids[order]), axis=1)
    sizes = np.bincount(place, minlength=tasks)
    used = np.flatnonzero(sizes)
    ends = np.concatenate(([0], np.cumsum(sizes[used]))) * _ENTRY
    blocks = pa.Array.from_buffers(
        pa.large_binary(), len(used), [None, pa.py_buffer(ends), pa.py_buffer(entries)]
    )
    return pa.RecordBatch.from_arrays(
        [pa.array(used.astype(np.int32)), blocks.cast(pa.binary())], _BLOCK.names
    )


def _buckets(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sort all entries of a task by (band key, id) and cut them into buckets."""
    parts = [flat_bytes(batch.column("entries"))[0] for batch in batches]
    if not parts:
        return
    entries = np.concatenate(parts).view(np.int64).reshape(-1, 2)
    del parts
    order = np.lexsort((entries[:, 1], entries[:, 0]))
    entries = entries[order]
    yield from _emit(entries[:, 0].copy(), entries[:, 1].copy())


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
