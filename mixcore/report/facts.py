"""Counts of the report, from the tables alone: lazy aggregates, collected in one job.

Every table's rows take the same narrow shape (`FACT_COLUMNS`), so that one aggregate, with one
shuffle, serves all. Its rows grow with sources, gates, domains and reasons, never with documents.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mixcore.runtime.tables import (
    CORPUS,
    DOCUMENTS,
    DROPPED,
    DUPLICATES,
    FILES,
    MIXTURE,
    MIXTURE_CUTOFFS,
    PAIRS,
    QUARANTINE,
    SCORES,
    SHINGLES,
    VALIDATION,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mixcore.recipe.rules import ResolvedRules
    from mixcore.runtime.stage import Run

FACT_COLUMNS = ("section", "a", "b", "c", "n", "m", "k")
"""What it is about, up to three names, up to three integers."""
_MIXTURE = "mixture"
BEFORE_GATES = ("failed", "where", "exclude")
"""`drop_gate` of documents that no gate has judged."""

JACCARD_BIN = "CAST(floor(round(jaccard * 20, 9)) AS BIGINT)"
"""SQL: 16 is Jaccard 0.80 to 0.85, 20 is 1; rounded first, as 0.85 * 20 may fall short of 17."""

Fact = tuple[str | None, str | None, str | None, int, int, int]


def _struct(section: str, names: Sequence[str], numbers: Sequence[str], where: str = "") -> str:
    """SQL of one fact of a row, not yet added up.

    Args:
        section: What it is about.
        names: Up to three SQL expressions to group by.
        numbers: Up to three SQL expressions to add up; null counts as nothing.
        where: SQL condition; rows that do not meet it have no such fact.
    """
    named = [*names, *["NULL"] * (3 - len(names))]
    added = [*numbers, *["0"] * (3 - len(numbers))]
    fields = [f"'section', '{section}'"]
    fields += [f"'{c}', CAST({e} AS STRING)" for e, c in zip(named, "abc", strict=True)]
    fields += [f"'{c}', CAST({e} AS BIGINT)" for e, c in zip(added, "nmk", strict=True)]
    struct = f"named_struct({', '.join(fields)})"
    return f"if({where}, {struct}, NULL)" if where else struct


def _facts(df: DataFrame, *structs: str) -> DataFrame:
    """Rows of `df` in the shape of facts (see `_struct`), any number of them a row."""
    if len(structs) == 1:
        return df.selectExpr(f"{structs[0]} AS fact").where("fact IS NOT NULL").select("fact.*")
    found = df.selectExpr(f"inline(array({', '.join(structs)}))")
    return found.where("section IS NOT NULL")


def _add_up(rows: DataFrame) -> DataFrame:
    """Facts by section and names. Of the mixture, `m` (copies) is the largest, not the sum."""
    total = "coalesce(sum({0}), 0L)"
    return rows.groupBy("section", "a", "b", "c").agg(
        F.expr(total.format("n")).alias("n"),
        F.expr(f"if(section = '{_MIXTURE}', max(m), {total.format('m')})").alias("m"),
        F.expr(total.format("k")).alias("k"),
    )


def _output(run: Run, table: Table) -> DataFrame:
    if run.output.exists(table):
        return run.output.read(table)
    return run.spark.createDataFrame([], table.schema)


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
    alone = "alone AND getbit(mask, bit) = 1"
    numbers = ["1", f"if({alone}, 1, 0)", f"if({alone}, n_tokens, 0)"]
    return _facts(rows, _struct("gate", ["source", "bit"], numbers))


def dropped_facts(dropped: DataFrame, scores: DataFrame) -> DataFrame:
    """`dropped`: (source, stage, reason) -> documents; and of duplicates `between`.

    `between`: (source of a removed one, source of its survivor) -> documents, exact ones. A
    survivor in an earlier corpus has no source.
    """
    survivors = scores.select(F.col("doc_id").alias("kept_doc_id"), F.col("source").alias("kept"))
    narrow = dropped.select("source", "stage", "reason", "kept_doc_id")
    return _facts(
        narrow.join(survivors, "kept_doc_id", "left"),
        _struct("dropped", ["source", "stage", "reason"], ["1"]),
        _struct("between", ["source", "kept"], ["1", "if(reason = 'exact', 1, 0)"],
                "stage = 'dedup'"),
    )  # fmt: skip


def all_facts(run: Run, rules: Mapping[str, ResolvedRules]) -> DataFrame:
    """Every aggregate of the report in one frame of `FACT_COLUMNS`."""
    files = run.read(FILES, "ingest")
    scores = run.read(SCORES, "score")
    corpus = _output(run, CORPUS)
    copies = "copies" if "copies" in corpus.columns else "1"
    # Cluster sizes 2, 3-4, 5-8, ...: the number of binary digits of size - 1, exact.
    size_class = "length(bin(cluster_size - 1))"
    # A cluster has one row whose id is the cluster's.
    is_first = "if(doc_id = cluster_id, 1, 0)"
    java = "java_method('java.lang.System', 'getProperty', 'java.version')"
    is_near = "kind <> 'exact'"
    parts = [
        _facts(files, _struct("rows", ["source"], ["rows_read", "n_identical", "n_quarantined"]),
               _struct("files", ["source"], ["1", "size"])),
        _facts(run.read(QUARANTINE, "ingest"), _struct("quarantine", ["source", "reason"], ["1"])),
        _facts(run.read(DOCUMENTS, "ingest"), _struct("documents", ["source"], ["1", "n_bytes"])),
        _facts(scores, _struct("score", ["source", "drop_gate"], ["1", "n_tokens"]),
               _struct("bucket", ["source", "score_bucket", "drop_gate IS NULL"],
                       ["1", "n_tokens"])),
        gate_facts(scores, rules),
        dropped_facts(_output(run, DROPPED), scores),
        _facts(corpus, _struct("corpus", ["source"],
                               ["if(copy_index = 0, 1, 0)", copies, f"{copies} * n_tokens"])),
        _facts(_output(run, VALIDATION), _struct("validation", ["source"], ["1", "n_tokens"])),
        _facts(_output(run, MIXTURE_CUTOFFS),
               _struct("cutoffs", ["domain", "phase"], ["available", "target", "achieved"])),
        _facts(_output(run, MIXTURE), _struct(_MIXTURE, ["domain", "phase"], ["1", "copies"])),
        _facts(run.read(DUPLICATES, "resolve"),
               _struct("clusters", [size_class], [is_first, "1", "if(is_removed, 1, 0)"]),
               _struct("removed", [JACCARD_BIN], ["1"], f"is_removed AND {is_near}")),
        _facts(run.read(PAIRS, "match"), _struct("edges", [JACCARD_BIN], ["1"], is_near)),
        _facts(run.read(SHINGLES, "match"), _struct("compared", [], ["1"])),
        _facts(run.spark.range(1), _struct("java", [java], ["1"])),
    ]  # fmt: skip
    return _add_up(reduce(DataFrame.unionByName, parts))
