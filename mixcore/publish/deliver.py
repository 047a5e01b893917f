"""Documents and picks -> rows of the corpus: copies, positions, shards. Lazy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.mixing.candidates import declared
from mixcore.recipe.columns import declared_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from mixcore.recipe.models import Recipe

MAX_BROADCAST_PICKS = 1_000_000
"""Picks sent to every task (some 200 bytes each); beyond, text is shuffled once for the join."""
COMPRESSION = 0.4
"""Size of text in a zstd parquet file over its UTF-8 bytes; only file counts depend on it."""
_POSITION_BITS = 40
"""Bits of the hash in a position: (k + u) / c then stays below 1 in double arithmetic."""


def unit_interval(order_hash: Column) -> Column:
    """A number in [0, 1) from a hash, exact in double arithmetic."""
    return F.shiftrightunsigned(order_hash, 64 - _POSITION_BITS) / F.lit(float(1 << _POSITION_BITS))


def positions(recipe: Recipe, max_copies: int) -> dict[str, Column]:
    """`copy_index`, `position` and `shard`, in this order; the later ones use the earlier ones.

    Copy k of c lies at (k + u) / c with u from a hash: repeats are spaced 1/c apart, and every
    contiguous piece of the order holds the ratios of the whole. With `copies: column` a row stands
    for all copies and lies at u.
    """
    shards = recipe.output.shards
    u = unit_interval(F.col("order_hash"))
    if recipe.output.copies == "column" or max_copies <= 1:
        index, position = F.lit(0), u
    else:
        index = F.explode(F.sequence(F.lit(0), F.col("copies") - 1))
        position = (F.col("copy_index") + u) / F.col("copies")
    shard = F.least(F.floor(F.col("position") * shards).cast("int"), F.lit(shards - 1))
    return {"copy_index": index, "position": position, "shard": shard}


def delivered(documents: DataFrame, picks: DataFrame, recipe: Recipe, max_copies: int) -> DataFrame:
    """Rows of `corpus` or `validation`, text and declared columns included.

    Args:
        documents: The pool's documents.
        picks: doc_id, domain, phase, copies, order_hash, n_tokens, language, score; a hint on it
            decides how the join runs.
        recipe: Output settings and declared columns.
        max_copies: Largest `copies` of the picks.
    """
    names = declared_columns(recipe)
    wide = documents.select("doc_id", "source", "native_id", *declared(documents, names), "text")
    rows = wide.join(picks, "doc_id")
    for name, column in positions(recipe, max_copies).items():
        rows = rows.withColumn(name, column)
    copies = ["copies"] if recipe.output.copies == "column" else []
    return rows.select(
        "doc_id", "source", "native_id", "domain", "phase", "copy_index", "shard", "position",
        "n_tokens", "language", "score", *copies, *names, "text",
    )  # fmt: skip


def n_files(n_bytes: int, target_file_mb: int, parallelism: int) -> int:
    """Files to write: by size, but never so few that cores stand idle.

    >>> n_files(10_000_000_000, 256, 8), n_files(1_000, 256, 8)
    (15, 8)
    """
    return max(math.ceil(n_bytes * COMPRESSION / (target_file_mb << 20)), parallelism)


def in_order(rows: DataFrame, recipe: Recipe, files: int) -> DataFrame:
    """Lay rows out: by position if asked for (one shuffle of text), else as they come.

    Positions are uniform, so file i simply holds [i / files, (i + 1) / files); a range
    partitioning would sample for the same edges and read all text once more.
    """
    if recipe.output.order == "position":
        place = F.least(F.floor(F.col("position") * files).cast("int"), F.lit(files - 1))
        order = ("phase", "position", "doc_id", "copy_index")
        return rows.repartitionById(files, place).sortWithinPartitions(*order)
    return rows.coalesce(files)
