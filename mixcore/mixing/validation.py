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

    from mixcore.recipe.models import Recipe, Validation

_HASHES = 2**64


def cluster_order(seed: int) -> Column:
    """Place of a cluster in the validation order; ties go by cluster_id."""
    return unsigned_order(seeded_hash(seed, "validation", "cluster_id"))


def below_fraction(validation: Validation, seed: int) -> Column:
    """Whether a cluster's hash lies within the fraction."""
    threshold = int(exact(validation.fraction) * _HASHES) - _HASHES // 2
    return cluster_order(seed) < F.lit(threshold)


def has_token_limit(recipe: Recipe) -> bool:
    """Whether validation is limited in tokens, so that `limited_clusters` has a say."""
    return recipe.validation is not None and recipe.validation.max_tokens_per_domain is not None


def limited_clusters(rows: DataFrame, recipe: Recipe, sample: float | None) -> DataFrame | None:
    """Ids of the clusters that are held out, where a token limit has a say; else None.

    Args:
        rows: Candidates (see `mixcore.mixing.candidates`). Rows without a stratum are never
            held out.
        recipe: The recipe.
        sample: Share of the documents that the run takes; scales the limit.

    Returns:
        (cluster_id LONG, within BOOLEAN true). Several aggregations: write it before using it.
    """
    validation, seed = recipe.validation, recipe.seed
    if validation is None or validation.max_tokens_per_domain is None:
        return None
    clusters = (
        rows.where(_drawn(validation, seed))
        .groupBy(F.col("domain").alias("stratum"), F.col("cluster_id"))
        .agg(F.sum("n_tokens").alias("units"))
        .select("stratum", cluster_order(seed).alias("order"), F.col("cluster_id").alias("id"),
                "units")
    )  # fmt: skip
    limit = max(1, int(exact(validation.max_tokens_per_domain) * exact(sample or 1.0)))
    names = recipe.mix.domains if recipe.mix else recipe.sources
    targets = targets_frame(rows.sparkSession, dict.fromkeys(names, limit))
    cuts = cut_points(clusters, targets, cut="below").select(
        "stratum", F.col("hash").alias("cut_hash"), F.col("id").alias("cut_id"),
        F.lit(True).alias("limited"),
    )  # fmt: skip
    within = at_or_before(F.col("order"), F.col("id"), F.col("cut_hash"), F.col("cut_id"))
    # A domain without a cut holds less than its limit.
    return (
        clusters.join(F.broadcast(cuts), "stratum", "left")
        .groupBy(F.col("id").alias("cluster_id"))
        .agg(F.min(F.col("limited").isNull() | within).alias("within"))
        .where("within")
    )


def mark_held_out(rows: DataFrame, recipe: Recipe, limited: DataFrame | None) -> DataFrame:
    """Add `held` BOOLEAN (never null): whether a candidate belongs to validation.

    Args:
        rows: Candidates.
        recipe: The recipe.
        limited: The result of `limited_clusters`.
    """
    if recipe.validation is None:
        return rows.withColumn("held", F.lit(False))
    drawn = _drawn(recipe.validation, recipe.seed)
    if limited is None:
        return rows.withColumn("held", drawn)
    return (
        rows.join(limited, "cluster_id", "left")
        .withColumn("held", drawn & F.coalesce("within", F.lit(False)))
        .drop("within")
    )


def _drawn(validation: Validation, seed: int) -> Column:
    drawn = F.col("stratum").isNotNull() & below_fraction(validation, seed)
    return F.coalesce(drawn, F.lit(False))
