"""Which candidates are duplicates: sketches reject, shingles decide.

The sketch only rejects (estimate below the threshold minus three standard deviations, about one
true pair in a thousand at the threshold itself). Every pair it lets pass is decided by the exact
Jaccard of the shingle sets, for which the texts of just those documents are read once more; hashes
are joined, not text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.dedup.arrow import binary_of_hashes, flat_bytes, flat_hashes
from mixcore.text.jaccard import exact_overlap, rejection_bound, sketch_estimate
from mixcore.text.minhash import SKETCH_SLOTS
from mixcore.text.shingles import shingle_hashes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.text.shingling import Shingling

Batches = Iterator[pa.RecordBatch]

_PAIR = T.StructType([T.StructField("a", T.LongType()), T.StructField("b", T.LongType())])
_HASHES = T.StructType(
    [T.StructField("doc_id", T.LongType()), T.StructField("hashes", T.BinaryType())]
)
EDGES = T.StructType(
    [
        T.StructField("doc_a", T.LongType()),
        T.StructField("doc_b", T.LongType()),
        T.StructField("jaccard", T.DoubleType()),
        T.StructField("containment_a", T.DoubleType()),
        T.StructField("containment_b", T.DoubleType()),
    ]
)
"""A verified edge, doc_a < doc_b."""


def min_equal_slots(min_jaccard: float) -> int:
    """Fewest equal sketch slots of a pair that is looked at."""
    agree = np.arange(SKETCH_SLOTS)[None, :] < np.arange(SKETCH_SLOTS + 1)[:, None]
    estimates = sketch_estimate(agree.astype(np.uint8), np.ones_like(agree, dtype=np.uint8))
    return int(np.argmax(estimates >= rejection_bound(min_jaccard)))


def with_similar_sketches(pairs: DataFrame, sketches: DataFrame, min_jaccard: float) -> DataFrame:
    """The pairs that the sketch does not reject.

    Args:
        pairs: Distinct `a`, `b`.
        sketches: `doc_id`, `sketch`.
        min_jaccard: The threshold.

    Returns:
        `a`, `b`.
    """
    min_equal = min_equal_slots(min_jaccard)

    def look(batches: Batches) -> Batches:
        for batch in batches:
            x, _ = flat_bytes(batch.column("sketch_a"))
            y, _ = flat_bytes(batch.column("sketch_b"))
            equal = (x == y).reshape(-1, SKETCH_SLOTS).sum(axis=1)
            yield batch.select(["a", "b"]).filter(pa.array(equal >= min_equal))

    joined = _both_sides(pairs, sketches, "sketch")
    return joined.mapInArrow(look, _PAIR)


def shingles_of(documents: DataFrame, ids: DataFrame, how: int | Shingling) -> DataFrame:
    """Shingle sets of the documents named.

    Args:
        documents: `doc_id`, `text`.
        ids: `doc_id`; may repeat.
        how: How to cut texts; a number stands for so many words a shingle.

    Returns:
        `doc_id`, `hashes` as in the table `shingles`.
    """

    def cut(batches: Batches) -> Batches:
        for batch in batches:
            offsets, hashes = shingle_hashes(batch.column("text"), how)
            yield pa.RecordBatch.from_arrays(
                [batch.column("doc_id"), binary_of_hashes(hashes, offsets)], _HASHES.names
            )

    named = documents.select("doc_id", "text").join(ids, "doc_id", "left_semi")
    return named.mapInArrow(cut, _HASHES)


def verified(pairs: DataFrame, shingles: DataFrame, min_jaccard: float) -> DataFrame:
    """The pairs with exact Jaccard at or above the threshold.

    Args:
        pairs: Distinct `a`, `b`.
        shingles: `doc_id`, `hashes` of every document in them.
        min_jaccard: The threshold, inclusive.

    Returns:
        `EDGES`.
    """
    joined = _both_sides(pairs, shingles, "hashes")
    return joined.mapInArrow(_exactly(min_jaccard), EDGES)


def _both_sides(pairs: DataFrame, values: DataFrame, name: str) -> DataFrame:
    """`a`, `b` with the column `name` of both as `name_a`, `name_b`."""
    left = values.select(F.col("doc_id").alias("a"), F.col(name).alias(f"{name}_a"))
    right = values.select(F.col("doc_id").alias("b"), F.col(name).alias(f"{name}_b"))
    both = pairs.select("a", "b").join(left, "a").join(right, "b")
    return both.select("a", "b", f"{name}_a", f"{name}_b")


def _exactly(min_jaccard: float) -> Callable[[Batches], Batches]:
    def decide(batches: Batches) -> Batches:
        for batch in batches:
            x, x_offsets = flat_hashes(batch.column("hashes_a"))
            y, y_offsets = flat_hashes(batch.column("hashes_b"))
            n = batch.num_rows
            overlap = exact_overlap(
                np.concatenate((x, y)),
                np.concatenate((x_offsets, x_offsets[-1] + y_offsets[1:])),
                np.arange(n),
                np.arange(n, 2 * n),
            )
            columns = [batch.column("a"), batch.column("b"), *(pa.array(v) for v in overlap)]
            edges = pa.RecordBatch.from_arrays(columns, EDGES.names)
            yield edges.filter(pa.array(overlap.jaccard >= min_jaccard))

    return decide
