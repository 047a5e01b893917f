"""Who is held out: whole near-duplicate clusters, by the hash of the cluster.

A cluster is held out if its hash lies below the fraction and, in every domain it touches, within
the domain's token limit (a prefix of the clusters by hash). Since no part of a cluster can be in
the corpus, a repeated or similar document never leaks. `mix` takes these documents out before it
counts what is available, `publish` derives the same set again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.mixing.allocate import exact
from mixcore.mixing.select import (
    at_or_before,
    cut_points,
    seeded_hash,
    targets_frame,
    unsigned_order,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from mixcore.recipe.models import Validation
    from mixcore.runtime.stage import Run

_HASHES = 2**64


def cluster_order(seed: int) -> Column:
    """Place of a cluster in the validation order; ties go by cluster_id."""
    return unsigned_order(seeded_hash(seed, "validation", "cluster_id"))


def below_fraction(validation: Validation, seed: int) -> Column:
    """Whether a cluster's hash lies within the fraction."""
    threshold = int(exact(validation.fraction) * _HASHES) - _HASHES // 2
    return cluster_order(seed) < F.lit(threshold)


def mark_held_out(run: Run, rows: DataFrame) -> DataFrame:
    """Add `held` BOOLEAN (never null): whether a candidate belongs to validation.

    With a token limit this runs one small job for the limits and keeps the ids of the clusters.

    Args:
        run: The run.
        rows: Candidates (see `mixcore.mixing.candidates`), written already: they are read twice.
            Rows without a stratum are never held out.
    """
    validation, seed = run.recipe.validation, run.recipe.seed
    if validation is None:
        return rows.withColumn("held", F.lit(False))
    drawn = F.col("stratum").isNotNull() & below_fraction(validation, seed)
    if validation.max_tokens_per_domain is None:
        return rows.withColumn("held", drawn)
    clusters = (
        rows.where(drawn)
        .groupBy(F.col("domain").alias("stratum"), F.col("cluster_id"))
        .agg(F.sum("n_tokens").alias("units"))
        .select("stratum", cluster_order(seed).alias("order"), F.col("cluster_id").alias("id"),
                "units")
    )  # fmt: skip
    limit = max(1, int(exact(validation.max_tokens_per_domain) * exact(run.sample or 1.0)))
    names = list(run.recipe.mix.domains) if run.recipe.mix else list(run.recipe.sources)
    targets = targets_frame(run.spark, dict.fromkeys(names, limit))
    # A row a domain whose limit binds.
    cuts = cut_points(clusters, targets, cut="below").select("stratum", "hash", "id").collect()
    if not cuts:
        return rows.withColumn("held", drawn)
    bounds = run.spark.createDataFrame(
        [tuple(cut) for cut in cuts], "stratum STRING, cut_hash LONG, cut_id LONG"
    ).withColumn("limited", F.lit(True))
    within = at_or_before(F.col("order"), F.col("id"), F.col("cut_hash"), F.col("cut_id"))
    kept = (
        clusters.join(F.broadcast(bounds), "stratum", "left")
        .groupBy(F.col("id").alias("cluster_id"))
        .agg(F.min(F.col("limited").isNull() | within).alias("_within"))
        .where("_within")
    )
    held = run.scratch.keep(kept, "validation-clusters")
    return (
        rows.join(held, "cluster_id", "left")
        .withColumn("held", drawn & F.coalesce("_within", F.lit(False)))
        .drop("_within")
    )
