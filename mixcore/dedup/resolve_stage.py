"""resolve: which documents go as duplicates, and which survivor each of them matches.

Documents that a gate dropped are out first, so that no copy is lost to a text that is not
delivered. Narrow: a new threshold or preference reads no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from mixcore.dedup.greedy import MAX_EDGES, MAX_HOT_BYTES
from mixcore.dedup.resolve import contents_of, eligible_documents, resolution
from mixcore.dedup.verify import min_equal_slots
from mixcore.recipe.models import NONE
from mixcore.runtime.errors import ContractError
from mixcore.runtime.stage import Stage, Unit
from mixcore.runtime.tables import (
    DOCUMENTS,
    DUPLICATES,
    HOT_BUCKETS,
    PAIRS,
    SCORES,
    SHINGLES,
    SIGNALS_TABLE,
)  # fmt: skip

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.runtime.stage import Run
    from mixcore.runtime.tables import Table

_CLUSTERS_SHOWN = 10


def _plan(run: Run) -> list[Unit]:
    dedup = run.recipe.dedup
    if dedup == NONE:
        return []
    params: dict[str, Any] = {
        "prefer": [step.model_dump(mode="json") for step in dedup.prefer],
        "scope": "all" if dedup.scope == "all" else sorted(set(dedup.scope.within)),
        "protect": sorted(set(dedup.protect)),
        # The match key holds the threshold only as long as it determines edges.
        "min_jaccard": None if dedup.near == NONE else dedup.near.min_jaccard,
    }
    # Lengths and declared columns come from `documents`: their keys count too.
    reads = (*run.keys("match"), *sorted(run.keys("score")), *sorted(run.keys("ingest")))
    return [Unit(STAGE.key(params, reads), "all", reads=reads)]


def _build(run: Run, missing: list[Unit]) -> Iterator[tuple[Table, DataFrame]]:
    dedup = run.recipe.dedup
    assert dedup != NONE
    (unit,) = missing
    pairs, hot = run.read(PAIRS, "match"), run.read(HOT_BUCKETS, "match")
    min_equal = 0 if dedup.near == NONE else min_equal_slots(dedup.near.min_jaccard)
    near = pairs.where(F.col("kind") == "near")
    documents = eligible_documents(
        contents_of(pairs, hot), run.read(SCORES, "score"), run.read(DOCUMENTS, "ingest"), dedup
    )
    hot_rows = (hot.select("band_key", "doc_id"), _hot_contents(run, hot)) if _is_hot(run) else None
    rows = resolution(documents, near, hot_rows, dedup, min_equal)
    yield (
        DUPLICATES,
        rows.select(F.lit(unit.key).alias("key"), "*", F.lit(None).cast("string").alias("kept_in")),
    )


def _hot_contents(run: Run, hot: DataFrame) -> DataFrame:
    """`doc_id`, `sketch`, `hashes` of the members of hot buckets."""
    ids = hot.select("doc_id").distinct()
    sketches = run.read(SIGNALS_TABLE, "profile").select("doc_id", "sketch")
    hashes = run.read(SHINGLES, "match").select("doc_id", "hashes")
    return ids.join(hashes, "doc_id").join(sketches, "doc_id")


def _is_hot(run: Run) -> bool:
    """Whether there are hot buckets.

    Raises:
        ContractError: More edges, or larger hot buckets, than one task resolves.
    """
    near = run.read(PAIRS, "match").where(F.col("kind") == "near")
    hot = run.read(HOT_BUCKETS, "match")
    # One row each: collected without regard to the number of documents.
    n_edges, n_hot = (
        row["n"]
        for row in near.agg(F.lit(0).alias("i"), F.count("*").alias("n"))
        .unionByName(hot.agg(F.lit(1).alias("i"), F.count("*").alias("n")))
        .orderBy("i")
        .collect()
    )
    _require("verified edges", n_edges, MAX_EDGES)
    if not n_hot:
        return False
    members = hot.select("doc_id").distinct()
    hashes = run.read(SHINGLES, "match").join(members, "doc_id", "left_semi")
    n_bytes = hashes.agg(F.sum(F.length("hashes"))).collect()[0][0]
    _require("bytes of shingles in hot buckets", n_bytes or 0, MAX_HOT_BYTES)
    return True


def _require(what: str, found: int, limit: int) -> None:
    if found > limit:
        raise ContractError(
            f"{what}: more than the {limit:,} that one task resolves (distributed rounds come "
            "later)",
            where="dedup, stage resolve",
            value=found,
            fix="raise dedup.near.min_jaccard, or run sources or languages as recipes of their own",
        )


def _check(run: Run, units: list[Unit]) -> None:
    """Every removal has a survivor, and no source loses more documents than allowed.

    Raises:
        ContractError: One of the two does not hold; for the second it names the ten largest
            clusters.
    """
    if not units:
        return
    duplicates = run.read(DUPLICATES, "resolve")
    removed = duplicates.where("is_removed")
    survivors = duplicates.where("NOT is_removed").select(F.col("doc_id").alias("kept_doc_id"))
    orphans = removed.where(F.col("kept_in").isNull()).join(survivors, "kept_doc_id", "left_anti")
    eligible = run.read(SCORES, "score").where(F.col("drop_gate").isNull())
    by_source = (
        eligible.select("doc_id", "source")
        .join(removed.select("doc_id", F.lit(1).alias("gone")), "doc_id", "left")
        .groupBy("source")
        .agg(F.count("*").alias("n"), F.count("gone").alias("n_removed"))
    )
    total = orphans.agg(
        F.lit(None).cast("string").alias("source"),
        F.count("*").alias("n"),
        F.lit(0).cast("bigint").alias("n_removed"),
    )
    # One row a source.
    for source, n, n_removed in by_source.unionByName(total).collect():
        if source is None:
            if n:
                raise ContractError(
                    f"{n} removed documents have no survivor in the table",
                    where=run.pool.location(DUPLICATES),
                    value=units[0].key,
                    fix="the table is damaged: delete this key's rows and run again",
                )
        elif n_removed > run.recipe.stop_if.limit("removed_by_dedup", source) * n:
            raise _too_many(run, source, n, n_removed)


def _too_many(run: Run, source: str, n: int, n_removed: int) -> ContractError:
    limit = run.recipe.stop_if.limit("removed_by_dedup", source)
    of_source = run.read(SCORES, "score").where(F.col("source") == source).select("doc_id")
    largest = (
        run.read(DUPLICATES, "resolve")
        .where("is_removed")
        .join(of_source, "doc_id", "left_semi")
        .groupBy("cluster_id", "cluster_size")
        .agg(
            F.count("*").alias("n"), F.min("doc_id").alias("id"), F.min("kept_doc_id").alias("kept")
        )
        .orderBy(F.desc("n"), "cluster_id")
        .limit(_CLUSTERS_SHOWN)
        .collect()
    )
    lines = [
        f"cluster {row['cluster_id']} of {row['cluster_size']} documents: {row['n']} removed, "
        f"e.g. {row['id']} for {row['kept']}"
        for row in largest
    ]
    return ContractError(
        f"deduplication removes {n_removed:,} of the {n:,} documents of source `{source}` that "
        f"passed their gates ({n_removed / n:.1%}; the limit is {limit:.1%})",
        where="stop_if.removed_by_dedup",
        fix="look at the largest clusters (`mixcore explain ID`), then change the source, "
        "dedup.prefer, dedup.scope or the limit:\n    " + "\n    ".join(lines),
    )


STAGE = Stage("resolve", 1, (DUPLICATES,), _plan, _build, _check)
