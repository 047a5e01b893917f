"""Counts of the report, from the tables alone: lazy aggregates, collected in one job.

Every aggregate is a small frame of the same shape (`FACT_COLUMNS`), so all of them go through
Spark together. Their rows grow with sources, gates, domains and reasons, never with documents.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mixcore.runtime.tables import (
    CORPUS,
    DOCUMENTS,
    DROPPED,
    DUPLICATES,
    FILES,
    MIXTURE,
    MIXTURE_CUTOFFS,
    QUARANTINE,
    SCORES,
    VALIDATION,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mixcore.recipe.rules import ResolvedRules
    from mixcore.runtime.stage import Run

FACT_COLUMNS = ("section", "a", "b", "c", "n", "m", "k")
"""What it is about, up to three names, up to three integers."""
BEFORE_GATES = ("failed", "where", "exclude")
"""`drop_gate` of documents that no gate has judged."""

Fact = tuple[str | None, str | None, str | None, int, int, int]


def _fact(
    df: DataFrame, section: str, names: Sequence[str | Column], sums: Sequence[Column]
) -> DataFrame:
    """`df` grouped by up to three names, with up to three sums."""
    columns = [F.col(n) if isinstance(n, str) else n for n in names]
    named = [c.cast("string").alias(letter) for c, letter in zip(columns, "abc", strict=False)]
    nothing = [F.lit(None).cast("string").alias(letter) for letter in "abc"[len(named) :]]
    numbers = [
        F.coalesce(s.cast("bigint"), F.lit(0).cast("bigint")).alias(letter)
        for s, letter in zip(sums, "nmk", strict=False)
    ]
    zeros = [F.lit(0).cast("bigint").alias(letter) for letter in "nmk"[len(numbers) :]]
    return (
        df.groupBy(*named, *nothing).agg(*numbers, *zeros)
        .select(F.lit(section).alias("section"), *FACT_COLUMNS[1:])
    )  # fmt: skip


def _output(run: Run, table: Table) -> DataFrame:
    if run.output.exists(table):
        return run.output.read(table)
    return run.spark.createDataFrame([], table.schema)


def _copies(corpus: DataFrame) -> Column:
    return F.col("copies") if "copies" in corpus.columns else F.lit(1)


def drop_masks(rules: Mapping[str, ResolvedRules]) -> dict[str, int]:
    """By source the bits of `gate_bits` whose gates drop, as a signed 64-bit number."""
    masks = {}
    for source, resolved in rules.items():
        mask = sum(1 << i for i, g in enumerate(resolved.gates) if g.gate.action == "drop")
        masks[source] = mask - (1 << 64) if mask >> 63 else mask
    return masks


def gate_facts(scores: DataFrame, rules: Mapping[str, ResolvedRules]) -> DataFrame:
    """`gate`: (source, bit) -> documents it fired on, of these alone, tokens it alone took."""
    most = max((len(r.gates) for r in rules.values()), default=0)
    mask = F.lit(0).cast("bigint")
    for source, bits in drop_masks(rules).items():
        mask = F.when(F.col("source") == F.lit(source), F.lit(bits).cast("bigint")).otherwise(mask)
    judged = scores.where(
        F.coalesce(~F.col("drop_gate").isin(*BEFORE_GATES), F.lit(True)) & (F.col("gate_bits") != 0)
    )
    fired = F.filter(
        F.sequence(F.lit(0), F.lit(max(most - 1, 0))), lambda i: F.getbit("gate_bits", i) == 1
    )
    rows = judged.select(
        "source",
        "n_tokens",
        (F.bit_count(F.col("gate_bits").bitwiseAND(mask)) == 1).alias("alone"),
        mask.alias("mask"),
        F.explode(fired).alias("bit"),
    )
    alone = F.col("alone") & (F.getbit("mask", F.col("bit")) == 1)
    return _fact(
        rows, "gate", ["source", "bit"],
        [F.count(F.lit(1)), F.count(F.when(alone, 1)), F.sum(F.when(alone, F.col("n_tokens")))],
    )  # fmt: skip


def all_facts(run: Run, rules: Mapping[str, ResolvedRules]) -> DataFrame:
    """Every aggregate of the report in one frame of `FACT_COLUMNS`."""
    count = F.count(F.lit(1))
    files = run.read(FILES, "ingest")
    scores = run.read(SCORES, "score")
    corpus = _output(run, CORPUS)
    duplicates = run.read(DUPLICATES, "resolve")
    cutoffs = _output(run, MIXTURE_CUTOFFS)
    tokens = F.sum("n_tokens")
    # Cluster sizes 2, 3-4, 5-8, ...: the number of binary digits of size - 1, exact.
    size_class = F.length(F.bin(F.col("cluster_size") - 1))
    # A cluster has one row whose id is the cluster's.
    is_first = F.when(F.col("doc_id") == F.col("cluster_id"), 1)
    java = F.java_method(F.lit("java.lang.System"), F.lit("getProperty"), F.lit("java.version"))
    parts = [
        _fact(files, "rows", ["source"],
              [F.sum("rows_read"), F.sum("n_identical"), F.sum("n_quarantined")]),
        _fact(files, "files", ["source"], [count, F.sum("size")]),
        _fact(run.read(QUARANTINE, "ingest"), "quarantine", ["source", "reason"], [count]),
        _fact(run.read(DOCUMENTS, "ingest"), "documents", ["source"], [count, F.sum("n_bytes")]),
        _fact(scores, "score", ["source", "drop_gate"], [count, tokens]),
        _fact(scores, "bucket", ["source", "score_bucket", F.col("drop_gate").isNull()],
              [count, tokens]),
        gate_facts(scores, rules),
        _fact(_output(run, DROPPED), "dropped", ["source", "stage", "reason"], [count]),
        _fact(corpus, "corpus", ["source"],
              [F.count(F.when(F.col("copy_index") == 0, 1)), F.sum(_copies(corpus)),
               F.sum(_copies(corpus) * F.col("n_tokens"))]),
        _fact(_output(run, VALIDATION), "validation", ["source"], [count, tokens]),
        _fact(cutoffs, "cutoffs", ["domain", "phase"],
              [F.sum("available"), F.sum("target"), F.sum("achieved")]),
        _fact(_output(run, MIXTURE), "mixture", ["domain", "phase"], [count, F.max("copies")]),
        _fact(duplicates, "clusters", [size_class], [F.count(is_first), count,
              F.count(F.when(F.col("is_removed"), 1))]),
        _fact(run.spark.range(1), "java", [java], [count]),
    ]  # fmt: skip
    return reduce(DataFrame.unionByName, parts)
