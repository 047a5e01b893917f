"""What became of every document: delivered, held out, or dropped with the reason. Lazy.

A fate is decided from narrow tables alone, in the order of the stages: a document that failed its
profile is not also a duplicate. Each document has exactly one fate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.mixing.candidates import (
    declared,
    membership,
    survives,
    used_columns,
    verdicts,
    with_duplicates,
)
from mixcore.mixing.validation import mark_held_out
from mixcore.quality.judge import FAILED_GATE
from mixcore.runtime.tables import DOCUMENTS, DROPPED, MIXTURE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from mixcore.recipe.models import Recipe
    from mixcore.runtime.stage import Run

CORPUS_FATE, VALIDATION_FATE = "corpus", "validation"
LOST = "lost"
"""The fate of a document without scores: a defect, refused by the accounting."""
CONFLICT = "conflict"
"""The fate of a document in the mixture that must not be: a defect, refused likewise."""
_JACCARD_DIGITS = 4


def documents_judged(run: Run) -> DataFrame:
    """Every document with its verdicts, its domain and its place in the mixture.

    Returns:
        The columns of `verdicts` and `is_scored`, those of `with_duplicates`, `n_bytes`, `domain`,
        `stratum`, and of the mixture `leaf`, `phase`, `copies`, `order_hash` (null if not chosen).
    """
    documents = run.read(DOCUMENTS, "ingest")
    names = used_columns(run.recipe)
    narrow = documents.select("doc_id", "source", "n_bytes", *declared(documents, names))
    scored = verdicts(run).drop("source").withColumn("_scored", F.lit(True))
    chosen = run.output.read(MIXTURE).select(
        "doc_id", F.col("domain").alias("leaf"), "phase", "copies", "order_hash"
    )
    rows = with_duplicates(run, narrow.join(scored, "doc_id", "left"))
    return rows.join(chosen, "doc_id", "left").select(
        "doc_id", "source", "n_bytes", "language", "n_tokens", "score",
        F.coalesce("_scored", F.lit(False)).alias("is_scored"),
        "drop_gate", "drop_value", "drop_limit",
        "kept_doc_id", "kept_in", "kind", "jaccard", "is_removed", "cluster_id",
        "leaf", "phase", "copies", "order_hash", *membership(run.recipe)[:2],
    )  # fmt: skip


def placed(rows: DataFrame) -> DataFrame:
    """`documents_judged` with `stratum` for survivors only: others must not count as held out."""
    alive = F.col("is_scored") & survives()
    return rows.withColumn("stratum", F.when(alive, F.col("stratum")))


def decide(rows: DataFrame, recipe: Recipe, limited: DataFrame | None) -> DataFrame:
    """Add `fate` and, for dropped documents, `reason`, `value`, `limit`.

    Args:
        rows: `placed` documents.
        recipe: The recipe.
        limited: See `mixcore.mixing.validation.limited_clusters`.

    Returns:
        What the tables published are made of: `fate` STRING (corpus | validation | profile |
        score | dedup | mix), the reason columns of `dropped` (null unless dropped), and the
        columns of a pick. Several tables use it: write it before using it.
    """
    marked = mark_held_out(rows, recipe, limited)
    decided = marked.withColumn("fate", _fate()).withColumns(_reasons(recipe))
    return decided.select(
        "doc_id", "source", "fate", "reason", "value", "limit", "kept_doc_id", "kept_in",
        "leaf", "stratum", "phase", "copies", "order_hash",
        "n_tokens", "language", "score", "n_bytes", "cluster_id",
    )  # fmt: skip


def _fate() -> Column:
    chosen = F.col("copies").isNotNull()
    dropped = (
        F.when(~F.col("is_scored"), LOST)
        .when(F.col("drop_gate") == FAILED_GATE, "profile")
        .when(F.col("drop_gate").isNotNull(), "score")
        .when(F.col("is_removed"), "dedup")
        .when(F.col("stratum").isNull(), "mix")
        .when(F.col("held"), VALIDATION_FATE)
    )
    return F.when(chosen & dropped.isNotNull(), CONFLICT).otherwise(
        F.coalesce(dropped, F.when(chosen, CORPUS_FATE), F.lit("mix"))
    )


def _reasons(recipe: Recipe) -> dict[str, Column]:
    fate, nothing = F.col("fate"), F.lit(None).cast("string")
    near = recipe.dedup.near if recipe.dedup != "none" else "none"
    limit = nothing if near == "none" else F.lit(f"min_jaccard {near.min_jaccard:g}")
    gate, dedup, mix = fate.isin("profile", "score"), fate == "dedup", fate == "mix"
    homeless = F.col("stratum").isNull()
    jaccard = F.round("jaccard", _JACCARD_DIGITS).cast("string")
    return {
        "reason": F.when(gate, F.col("drop_gate"))
        .when(dedup, F.coalesce("kind", F.lit("near")))
        .when(mix & homeless, "no_domain")
        .when(mix, "over_budget"),
        "value": F.when(gate, F.col("drop_value"))
        .when(dedup, jaccard)
        .when(mix, F.when(homeless, F.col("source")).otherwise(F.col("stratum"))),
        "limit": F.when(gate, F.col("drop_limit")).when(dedup & (F.col("kind") != "exact"), limit),
    }


def dropped_rows(fates: DataFrame) -> DataFrame:
    """The table `dropped`: every document that is neither delivered nor held out."""
    removed = F.col("fate") == "dedup"
    return (
        fates.where(~F.col("fate").isin(CORPUS_FATE, VALIDATION_FATE))
        .withColumn("stage", F.col("fate"))
        .withColumn("kept_doc_id", F.when(removed, F.col("kept_doc_id")))
        .withColumn("kept_in", F.when(removed, F.col("kept_in")))
        .select(*DROPPED.column_names)
    )
