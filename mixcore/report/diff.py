"""`mixcore diff A B`: what changed between two mixtures, by domain. Reads no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOVES = ("domain_a", "domain_b", "documents", "tokens_a", "tokens_b", "changed")
"""Columns of `moves`: `changed` documents are in both with other copies."""


def moves(a: DataFrame, b: DataFrame) -> DataFrame:
    """Documents and tokens by where they were and where they are; one row a pair of domains.

    Args:
        a: Rows of `mixture` before.
        b: Rows of `mixture` after.

    Returns:
        Columns `MOVES`; a domain is null for documents that one side lacks. Tokens count copies,
        over all phases.
    """

    def by_document(df: DataFrame, side: str) -> DataFrame:
        return df.groupBy("doc_id").agg(
            F.min("domain").alias(f"domain_{side}"),
            F.sum(F.col("copies") * F.col("n_tokens")).alias(f"tokens_{side}"),
            F.sum(F.col("copies").cast("long")).alias(f"copies_{side}"),
        )

    both = by_document(a, "a").join(by_document(b, "b"), "doc_id", "full_outer")
    zero = F.lit(0).cast("long")
    return both.groupBy("domain_a", "domain_b").agg(
        F.count(F.lit(1)).alias("documents"),
        F.sum(F.coalesce("tokens_a", zero)).alias("tokens_a"),
        F.sum(F.coalesce("tokens_b", zero)).alias("tokens_b"),
        F.count_if(F.col("copies_a") != F.col("copies_b")).alias("changed"),
    )


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The difference, from all rows of `moves`.

    Returns:
        JSON values. `domains`: by name `tokens_a`, `tokens_b`, `share_a`, `share_b` and documents
        `kept` (in both, here on both sides), `added` and `dropped` (on one side only), `moved_in`
        and `moved_out` (from and to another domain), `changed` (other copies). `total`: the same,
        with `jaccard` of the document sets and `tokens_moved`, the share of tokens that changed
        its domain (total variation).
    """
    names = sorted({r[f"domain_{s}"] for r in rows for s in "ab"} - {None})
    counts = ("kept", "added", "dropped", "moved_in", "moved_out", "changed")
    domains: dict[str, dict[str, Any]] = {
        name: {"tokens_a": 0, "tokens_b": 0, **dict.fromkeys(counts, 0)} for name in names
    }
    for row in rows:
        before, after, n = row["domain_a"], row["domain_b"], row["documents"]
        if before is not None:
            domains[before]["tokens_a"] += row["tokens_a"]
        if after is not None:
            domains[after]["tokens_b"] += row["tokens_b"]
            domains[after]["changed"] += row["changed"]
        if before == after:
            domains[before]["kept"] += n
        elif before is None:
            domains[after]["added"] += n
        elif after is None:
            domains[before]["dropped"] += n
        else:
            domains[before]["moved_out"] += n
            domains[after]["moved_in"] += n
    total: dict[str, Any] = {
        key: sum(d[key] for d in domains.values()) for key in ("tokens_a", "tokens_b", *counts)
    }
    for d in domains.values():
        for side in "ab":
            whole = total[f"tokens_{side}"]
            d[f"share_{side}"] = d[f"tokens_{side}"] / whole if whole else 0.0
    common = total["kept"] + total["moved_in"]
    union = common + total["added"] + total["dropped"]
    total["jaccard"] = common / union if union else 1.0
    total["tokens_moved"] = sum(abs(d["share_b"] - d["share_a"]) for d in domains.values()) / 2
    return {"domains": domains, "total": total}
