"""`drop_lowest`: an exact share of the tokens, from the bottom, without sorting a stratum.

Within (source, language) the documents that passed are ordered by (score_raw, doc_id). The last
one that goes is found in three steps, each of which looks only at the group where the running sum
crosses the target: a bin of score_raw (at most 4096 a stratum), then (score_raw, top bits of
doc_id) within the bin, then the documents of that group. Ties of score_raw, however many, are
spread over 4096 groups by doc_id, which is a hash.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from mixcore.quality.percentiles import raw_bin

_STRATUM = ("source", "language")
_HIGH_SHIFT = 52
"""`doc_id >> 52` splits ties into 4096 groups; the shift is signed, so the order stays."""


def lowest(rated: DataFrame) -> DataFrame:
    """Where to cut, by stratum.

    Args:
        rated: `source`, `language`, `doc_id`, `n_tokens`, `passed`, `score_raw`, `drop_lowest`
            (share, DOUBLE; one value a source).

    Returns:
        `source`, `language`, `cut_raw`, `cut_high`, `cut_id`: a passing document goes if
        (score_raw, doc_id >> 52) is below (cut_raw, cut_high), or equal and doc_id <= cut_id (null:
        none of that group). The tokens that go are the most that do not exceed the share.
    """
    passing = rated.where(F.col("passed") & (F.col("drop_lowest") > 0)).select(
        *_STRATUM, "doc_id", "n_tokens", "score_raw", "drop_lowest",
        raw_bin().alias("bin"), F.shiftright("doc_id", _HIGH_SHIFT).alias("high"),
    )  # fmt: skip
    stratum = Window.partitionBy(*_STRATUM)

    bins = passing.groupBy(*_STRATUM, "bin").agg(
        F.sum("n_tokens").alias("tokens"), F.max("drop_lowest").alias("drop_lowest")
    )
    running = F.sum("tokens").over(stratum.orderBy("bin"))
    target = F.floor(F.col("drop_lowest") * F.sum("tokens").over(stratum))
    crossing = (
        bins.select(*_STRATUM, "bin", "tokens", running.alias("running"), target.alias("target"))
        .where(
            (F.col("running") - F.col("tokens") <= F.col("target"))
            & (F.col("target") < F.col("running"))
        )
        .select(
            *_STRATUM, "bin", (F.col("target") - F.col("running") + F.col("tokens")).alias("left")
        )
    )

    groups = (
        passing.join(F.broadcast(crossing), [*_STRATUM, "bin"])
        .groupBy(*_STRATUM, "score_raw", "high")
        .agg(F.sum("n_tokens").alias("tokens"), F.max("left").alias("left"))
    )
    running = F.sum("tokens").over(stratum.orderBy("score_raw", "high"))
    boundary = (
        groups.withColumn("running", running)
        .where(
            (F.col("running") - F.col("tokens") <= F.col("left"))
            & (F.col("left") < F.col("running"))
        )
        .select(
            *_STRATUM,
            F.col("score_raw").alias("cut_raw"),
            F.col("high").alias("cut_high"),
            (F.col("left") - F.col("running") + F.col("tokens")).alias("left"),
        )
    )

    in_group = (F.col("score_raw") == F.col("cut_raw")) & (F.col("high") == F.col("cut_high"))
    members = passing.join(F.broadcast(boundary), list(_STRATUM)).where(in_group)
    running = F.sum("n_tokens").over(stratum.orderBy("doc_id"))
    goes = F.when(F.col("running") <= F.col("left"), F.col("doc_id"))
    return (
        members.withColumn("running", running)
        .groupBy(*_STRATUM, "cut_raw", "cut_high")
        .agg(F.max(goes).alias("cut_id"))
    )


def mark_lowest(ranked: DataFrame, cuts: DataFrame) -> DataFrame:
    """Add `is_lowest`: whether `drop_lowest` takes the document."""
    high = F.shiftright("doc_id", _HIGH_SHIFT)
    below = (F.col("score_raw") < F.col("cut_raw")) | (
        (F.col("score_raw") == F.col("cut_raw"))
        & (
            (high < F.col("cut_high"))
            | ((high == F.col("cut_high")) & (F.col("doc_id") <= F.col("cut_id")))
        )
    )
    return (
        ranked.join(F.broadcast(cuts), list(_STRATUM), "left")
        .withColumn("is_lowest", F.col("passed") & F.coalesce(below, F.lit(False)))
        .drop("cut_raw", "cut_high", "cut_id")
    )
