"""Exact, nested, partition-independent choice of documents up to an amount, by hash.

Documents of a stratum are ordered by a hash of (seed, purpose, id); the choice is a prefix of that
order. The place of the cut is found without sorting a stratum: a histogram of 4096 hash ranges
tells in which one the cut lies, and only that range is sorted. Raising an amount only lengthens
the prefix, and a new document only moves the cut (bottom-k sampling with permanent random
numbers). Everything here is lazy: DataFrame in, DataFrame out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.runtime.frames import small_frame

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

BIN_BITS = 12
"""4096 hash ranges a stratum: of 10^9 documents some 244,000 are sorted in one task."""
MANY_STRATA = 1000
FEW_BIN_BITS = 8
"""Ranges beyond 1,000 strata, so that the histogram stays below some million rows."""
_SIGN = -(2**63)
_LAST_ID = 2**63 - 1

_TARGETS = T.StructType(
    [T.StructField("stratum", T.StringType()), T.StructField("rest", T.LongType())]
)
_CUTS = T.StructType(
    [
        T.StructField("stratum", T.StringType()),
        T.StructField("full_epochs", T.IntegerType()),
        T.StructField("cut_hash", T.LongType()),
        T.StructField("cut_id", T.LongType()),
    ]
)
CUT_SCHEMA = T.StructType(
    [
        T.StructField("stratum", T.StringType()),
        T.StructField("hash", T.LongType()),
        T.StructField("id", T.LongType()),
        T.StructField("taken", T.LongType()),
        T.StructField("boundary", T.LongType()),
    ]
)
"""A cut: rows with (order, id) <= (hash, id) are in; together they hold `taken` units. A null
hash takes nothing. `boundary` is the size of the row that the target falls into."""


def seeded_hash(seed: int, purpose: str, *columns: str) -> Column:
    """The hash behind every random choice: xxhash64(seed, purpose, columns)."""
    return F.xxhash64(F.lit(seed), F.lit(purpose), *columns)


def unsigned_order(hashed: Column) -> Column:
    """BIGINT whose signed order is the unsigned order of `hashed`."""
    return hashed.bitwiseXOR(F.lit(_SIGN))


def select_order(seed: int) -> Column:
    """Place of a document in the selection order of its stratum; ties go by doc_id."""
    return unsigned_order(seeded_hash(seed, "select", "doc_id"))


def bin_bits(n_strata: int) -> int:
    """Bits of the histogram for so many strata. The choice does not depend on it."""
    return BIN_BITS if n_strata <= MANY_STRATA else FEW_BIN_BITS


def targets_frame(spark: SparkSession, targets: Mapping[str, int]) -> DataFrame:
    """(stratum, rest) of the positive targets; small."""
    rows = [(name, rest) for name, rest in sorted(targets.items()) if rest > 0]
    return small_frame(spark, rows, _TARGETS)


def cut_points(
    rows: DataFrame,
    targets: DataFrame,
    *,
    bits: int = BIN_BITS,
    cut: Literal["nearest", "below"] = "nearest",
) -> DataFrame:
    """Where to cut each stratum so that the prefix sums to its target.

    Args:
        rows: (stratum STRING, order BIGINT, id BIGINT, units BIGINT); (order, id) unique within a
            stratum. Rows without units (null, 0) do not matter: they never move a sum.
        targets: (stratum, rest > 0), small. A stratum whose rows sum to less than its target gets
            no row in the result.
        bits: log2 of the number of hash ranges.
        cut: `nearest`: the prefix sum nearest to the target, the shorter prefix of two as near;
            `below`: the longest prefix that does not exceed it.

    Returns:
        `CUT_SCHEMA`, one row a stratum.
    """
    place = (F.shiftright(F.col("order"), 64 - bits) + F.lit(1 << (bits - 1))).cast("int")
    sized = (
        rows.where(F.col("units") > 0)
        .join(F.broadcast(targets), "stratum")
        .withColumn("bin", place)
    )
    over_bins = Window.partitionBy("stratum").orderBy("bin")
    boundary_bins = (
        sized.groupBy("stratum", "rest", "bin")
        .agg(F.sum("units").alias("in_bin"))
        .withColumn("through", F.sum("in_bin").over(over_bins))
        .withColumn("before", F.col("through") - F.col("in_bin"))
        .where((F.col("through") >= F.col("rest")) & (F.col("before") < F.col("rest")))
        .select("stratum", "bin", "before")
    )
    inside = Window.partitionBy("stratum").orderBy("order", "id")
    reached = F.col("before") + F.sum("units").over(
        inside.rowsBetween(Window.unboundedPreceding, 0)
    )
    walked = sized.join(F.broadcast(boundary_bins), ["stratum", "bin"]).withColumn(
        "reached", reached
    )
    return _cut(walked, bits, cut)


def _cut(walked: DataFrame, bits: int, cut: str) -> DataFrame:
    """The best row of each boundary range, or the place before its first row."""
    miss = F.abs(F.col("reached") - F.col("rest"))
    row = F.struct(miss.alias("miss"), "order", "id", "reached")
    if cut == "nearest":
        best = F.min(row)
    else:
        best = F.max(
            F.when(
                F.col("reached") <= F.col("rest"),
                F.struct("order", "id", "reached", miss.alias("miss")),
            )
        )
    crossing = F.min(F.when(F.col("reached") >= F.col("rest"), F.struct("order", "id", "units")))
    found = walked.groupBy("stratum", "rest", "bin", "before").agg(
        best.alias("best"), crossing.alias("crossing")
    )
    # Nothing of this range is taken: it would exceed the target, or the place before is as near.
    stay_before = F.col("best").isNull()
    if cut == "nearest":
        stay_before = stay_before | (F.col("rest") - F.col("before") <= F.col("best.miss"))
    # The last hash of the range before lies behind every row of the ranges before.
    shifted = F.shiftleft((F.col("bin") - (1 << (bits - 1)) - 1).cast("long"), 64 - bits)
    before_hash = F.when(F.col("bin") > 0, shifted.bitwiseOR(F.lit((1 << (64 - bits)) - 1)))
    return found.select(
        "stratum",
        F.when(stay_before, before_hash).otherwise(F.col("best.order")).alias("hash"),
        F.when(stay_before, F.when(F.col("bin") > 0, F.lit(_LAST_ID)))
        .otherwise(F.col("best.id"))
        .alias("id"),
        F.when(stay_before, F.col("before")).otherwise(F.col("best.reached")).alias("taken"),
        F.col("crossing.units").alias("boundary"),
    )


# ---- copies -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """What one stratum delivers: every document `full_epochs` times, a prefix once more."""

    stratum: str
    full_epochs: int
    hash: int | None = None
    id: int | None = None
    taken: int = 0
    """Units of the prefix."""
    boundary: int = 0
    """Units of the document that the target falls into; 0 if there is no cut."""


def whole_and_rest(target: int, available: int) -> tuple[int, int]:
    """Full epochs and what is left of a target: target = full * available + rest."""
    return divmod(target, available) if available else (0, 0)


def cuts_frame(spark: SparkSession, cuts: Iterable[Cut]) -> DataFrame:
    """(stratum, full_epochs, cut_hash, cut_id), small."""
    rows = [(c.stratum, c.full_epochs, c.hash, c.id) for c in cuts]
    return small_frame(spark, rows, _CUTS)


def at_or_before(order: Column, ident: Column, cut_hash: Column, cut_id: Column) -> Column:
    """Whether (order, id) <= (cut_hash, cut_id); false for a null cut."""
    before = (order < cut_hash) | ((order == cut_hash) & (ident <= cut_id))
    return F.coalesce(before, F.lit(False))


def with_copies(rows: DataFrame, cuts: DataFrame) -> DataFrame:
    """Add `copies` INT to (stratum, order, id, units, ...) and keep rows that have any.

    Documents without units get no part of a partial epoch: the prefix is made of units.
    """
    chosen = at_or_before(F.col("order"), F.col("id"), F.col("cut_hash"), F.col("cut_id"))
    extra = (chosen & (F.col("units") > 0)).cast("int")
    return (
        rows.join(F.broadcast(cuts), "stratum")
        .withColumn("copies", F.col("full_epochs") + extra)
        .where(F.col("copies") > 0)
        .drop("full_epochs", "cut_hash", "cut_id")
    )
