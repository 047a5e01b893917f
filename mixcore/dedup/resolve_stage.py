"""resolve: which documents go as duplicates, and which survivor each of them matches.

Documents that a gate dropped are out first, so that no copy is lost to a text that is not
delivered. Narrow: a new threshold or preference reads no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

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
    hot_rows = None
    if hot.select("doc_id").take(1):  # one row at most
        hot_rows = hot.select("band_key", "doc_id"), _hot_contents(run, hot)
    rows = resolution(documents, near, hot_rows, dedup, min_equal)
    yield (
        DUPLICATES,
        rows.select(F.lit(unit.key).alias("key"), "*", F.lit(None).cast("string").alias("kept_in")),
    )


def _hot_contents(run: Run, hot: DataFrame) -> DataFrame:
    """`doc_id`, `sketch`, `hashes` of the members of hot buckets."""
    sketches = run.read(SIGNALS_TABLE, "profile").select("doc_id", "sketch")
    hashes = run.read(SHINGLES, "match").select("doc_id", "hashes")
    # A semi join asks for no distinct ids; members repeat in every hot bucket they are in.
    return hashes.join(hot.select("doc_id"), "doc_id", "left_semi").join(sketches, "doc_id")


def _check(run: Run, units: list[Unit]) -> None:
    """No source loses more documents than allowed.

    Raises:
        ContractError: One does; it names the ten largest clusters.
    """
    if not units:
        return
    removed = run.read(DUPLICATES, "resolve").where("is_removed")
    eligible = run.read(SCORES, "score").where(F.col("drop_gate").isNull())
    by_source = (
        eligible.select("doc_id", "source")
        .join(removed.select("doc_id", F.lit(1).alias("gone")), "doc_id", "left")
        .groupBy("source")
        .agg(F.count("*").alias("n"), F.count("gone").alias("n_removed"))
    )
    for source, n, n_removed in by_source.collect():  # a row a source
        if n_removed > run.recipe.stop_if.limit("removed_by_dedup", source) * n:
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
