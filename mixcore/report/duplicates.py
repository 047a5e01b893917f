"""What the report says about duplicates: how they were looked for, how many, and samples to judge.

Counts come with the other facts (`mixcore.report.facts`); the samples are one job and one look-up
of the few texts shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyspark.sql import functions as F

from mixcore.dedup.keys import band_plan
from mixcore.recipe.models import NONE
from mixcore.recipe.show import S_CURVE_AT, shingle_text
from mixcore.report.excerpts import side_by_side
from mixcore.report.facts import JACCARD_BIN
from mixcore.runtime.tables import DOCUMENTS, DUPLICATES
from mixcore.text.bands import recall_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame

    from mixcore.report.facts import Fact
    from mixcore.runtime.stage import Run

PAIRS_SHOWN: Final = 20
"""Removed documents shown beside the one that stays, over all bands of similarity."""
_SLOTS: Final = PAIRS_SHOWN
"""Candidates for them in each band: the first by hash of so many parts."""
CLUSTERS_SHOWN: Final = 10
_BINS: Final = 20
"""Of Jaccard similarity: 0.05 each."""
_EXACT_BIN: Final = _BINS + 1
_TEXT_CHARS: Final = 20_000
"""Characters of a text that are looked at."""
_BEGINNING_CHARS: Final = 160
_CURVE_POINTS: Final = 101
OTHER_CORPUS: Final = "(earlier corpora)"
"""In place of the source of a survivor that is not among this run's documents."""

Facts = "Mapping[str, list[Fact]]"


def dedup_settings(run: Run) -> dict[str, Any] | None:
    """How duplicates were looked for; None: they were not."""
    dedup = run.recipe.dedup
    if dedup == NONE:
        return None
    out: dict[str, Any] = {
        "exact": None if dedup.exact == NONE else list(dedup.exact.ignore), "near": None,
        "scope": dedup.scope if isinstance(dedup.scope, str) else list(dedup.scope.within),
        "prefer": [p.model_dump(mode="json") for p in dedup.prefer],
        "protect": list(dedup.protect),
    }  # fmt: skip
    if dedup.near != NONE:
        near, plan = dedup.near, band_plan(dedup)
        points = [i / (_CURVE_POINTS - 1) for i in range(_CURVE_POINTS)]
        out["near"] = {
            "preset": near.preset, "min_jaccard": near.min_jaccard, "min_recall": near.min_recall,
            "shingle": shingle_text(near.shingle.cut), "bands": plan.bands, "rows": plan.rows,
            "recall": plan.recall(near.min_jaccard),
            "curve": [[x, plan.recall(x)] for x in points],
            "s_curve": [[x, plan.recall(x)] for x in S_CURVE_AT],
        }  # fmt: skip
    return out


def cluster_rows(facts: Mapping[str, list[Fact]]) -> list[dict[str, int]]:
    """Clusters by size class (2, 3-4, 5-8, ...)."""
    rows = []
    for digits, _, _, clusters, documents, removed in facts["clusters"]:
        top = 1 << int(digits or 0)
        rows.append({"from": top // 2 + 1, "to": top, "clusters": clusters,
                     "documents": documents, "removed": removed})  # fmt: skip
    return sorted(rows, key=lambda r: r["to"])


def matrix_rows(facts: Mapping[str, list[Fact]]) -> list[dict[str, Any]]:
    """Removed documents by their source (`removed`) and their survivor's (`kept`), both sorted."""
    rows = [
        {"removed": str(gone), "kept": OTHER_CORPUS if kept is None else str(kept),
         "documents": n, "exact": exact}
        for gone, kept, _, n, exact, _ in facts["between"]
    ]  # fmt: skip
    return sorted(rows, key=lambda r: (r["removed"], r["kept"]))


def verification(
    facts: Mapping[str, list[Fact]], near: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """What came of the pairs that were compared; None without near-duplicate search.

    Returns:
        `compared` (documents whose shingles were compared with others'), `edges` (pairs at or
        above the threshold), `by_jaccard` (by 0.05: `from`, `to`, `edges`, `removed`, `missed`),
        `missed` (pairs that met in no bucket, estimated from those found and the S-curve).
    """
    if near is None:
        return None
    edges = {int(f[0] or 0): f[3] for f in facts["edges"]}
    removed = {int(f[0] or 0): f[3] for f in facts["removed"]}
    rows = []
    for i in sorted(edges.keys() | removed.keys()):
        # Below the threshold nothing was kept: the bin's pairs lie above it.
        low = max(i / _BINS, near["min_jaccard"])
        found = recall_at(min((low + (i + 1) / _BINS) / 2, 1.0), near["bands"], near["rows"])
        n = edges.get(i, 0)
        rows.append({
            "from": i / _BINS, "to": min((i + 1) / _BINS, 1.0), "edges": n,
            "removed": removed.get(i, 0), "missed": n * (1 - found) / found if found else 0.0,
        })  # fmt: skip
    return {
        "compared": sum(f[3] for f in facts["compared"]),
        "edges": sum(edges.values()),
        "by_jaccard": rows,
        "missed": sum(r["missed"] for r in rows),
    }


# ---- samples ----------------------------------------------------------------------------------


def samples(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Documents to look at: `pairs` by band of similarity and the `largest` clusters.

    Pairs are drawn by the hash of the removed document's id, the same number in each band as far
    as there are any.
    """
    if run.recipe.dedup == NONE:
        return {"pairs": [], "largest": []}
    duplicates = run.read(DUPLICATES, "resolve")
    drawn = _drawn_pairs(duplicates, run.recipe.seed)
    rows = drawn.unionByName(_largest(duplicates)).collect()  # at most 22 x 20 + 10
    pairs = _even_share([r for r in rows if r["kept_doc_id"] is not None])
    largest = sorted(
        (r for r in rows if r["kept_doc_id"] is None),
        key=lambda r: (-r["cluster_size"], r["doc_id"]),
    )
    ids = sorted(
        {i for r in pairs for i in (r["doc_id"], r["kept_doc_id"])} | {r["doc_id"] for r in largest}
    )
    if not ids:
        return {"pairs": [], "largest": []}
    texts = {
        row["doc_id"]: row
        for row in run.read(DOCUMENTS, "ingest")
        .where(F.col("doc_id").isin(*ids))
        .select("doc_id", "source", "native_id", F.substring("text", 1, _TEXT_CHARS).alias("text"))
        .collect()  # at most two documents a pair, one a cluster
    }
    return {
        "pairs": [p for r in pairs if (p := _pair(r, texts)) is not None],
        "largest": [
            {"cluster_id": str(r["doc_id"]), "cluster_size": r["cluster_size"],
             **_named(texts[r["doc_id"]]),
             "beginning": " ".join(texts[r["doc_id"]]["text"].split())[:_BEGINNING_CHARS]}
            for r in largest if r["doc_id"] in texts
        ],
    }  # fmt: skip


def _drawn_pairs(duplicates: DataFrame, seed: int) -> DataFrame:
    """Up to `_SLOTS` removed documents of each band, by one aggregate that grows with neither."""
    order = F.xxhash64(F.lit(seed), F.lit("report"), "doc_id")
    shown = ("doc_id", "kept_doc_id", "kind", "jaccard", "cluster_size")
    return (
        duplicates.where("is_removed AND kept_doc_id IS NOT NULL")
        .select(
            F.expr(f"if(kind = 'exact', {_EXACT_BIN}, {JACCARD_BIN})").alias("band"),
            F.pmod(order, F.lit(_SLOTS)).alias("slot"),
            F.struct(order.alias("order"), *shown).alias("row"),
        )
        .groupBy("band", "slot")
        .agg(F.min("row").alias("row"))
        .select("band", "row.*")
    )


def _largest(duplicates: DataFrame) -> DataFrame:
    """The largest clusters, each by the document that gives it its id; in the shape of pairs."""
    return (
        duplicates.where("doc_id = cluster_id")
        .orderBy(F.desc("cluster_size"), "cluster_id")
        .limit(CLUSTERS_SHOWN)
        .selectExpr(
            "CAST(NULL AS BIGINT) AS band", "0L AS order", "doc_id",
            "CAST(NULL AS BIGINT) AS kept_doc_id", "CAST(NULL AS STRING) AS kind",
            "CAST(NULL AS DOUBLE) AS jaccard", "cluster_size",
        )
    )  # fmt: skip


def _even_share(rows: Sequence[Any]) -> list[Any]:
    """At most PAIRS_SHOWN rows, taken from the bands in turn; ordered by band, then hash."""
    bands: dict[int, list[Any]] = {}
    for row in sorted(rows, key=lambda r: (r["band"], r["order"], r["doc_id"])):
        bands.setdefault(row["band"], []).append(row)
    # The first of each band, then the second of each, ...: a row's place in its band decides.
    in_turn = sorted((place, band) for band, of in bands.items() for place in range(len(of)))
    taken = sorted((band, place) for place, band in in_turn[:PAIRS_SHOWN])
    return [bands[band][place] for band, place in taken]


def _pair(row: Any, texts: Mapping[int, Any]) -> dict[str, Any] | None:
    gone, kept = texts.get(row["doc_id"]), texts.get(row["kept_doc_id"])
    if gone is None or kept is None:  # the survivor lies in an earlier corpus
        return None
    return {
        "band": band_name(row["band"]), "kind": row["kind"], "jaccard": row["jaccard"],
        "cluster_size": row["cluster_size"], "removed": _named(gone), "kept": _named(kept),
        "diff": side_by_side(gone["text"], kept["text"]),
        "is_cut": max(len(gone["text"]), len(kept["text"])) >= _TEXT_CHARS,
    }  # fmt: skip


def _named(document: Any) -> dict[str, Any]:
    return {
        "doc_id": str(document["doc_id"]), "source": document["source"],
        "native_id": document["native_id"],
    }  # fmt: skip


def band_name(band: int) -> str:
    """A band of similarity, for people.

    >>> band_name(16), band_name(20), band_name(21)
    ('Jaccard 0.80 to 0.85', 'Jaccard 1', 'the same text')
    """
    if band == _EXACT_BIN:
        return "the same text"
    if band >= _BINS:
        return "Jaccard 1"
    return f"Jaccard {band / _BINS:.2f} to {(band + 1) / _BINS:.2f}"
