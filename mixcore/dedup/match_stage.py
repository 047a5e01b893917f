"""match: verified duplicate edges between documents, without scores.

One unit for all batches of the recipe. Its key holds what determines bands, sketch and content
hash, and the threshold; not signals, gates, scope or preferences.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mixcore.dedup.candidates import band_candidates, exact_members, n_tasks
from mixcore.dedup.keys import band_plan, dedup_key
from mixcore.dedup.verify import shingles_of, verified, with_similar_sketches
from mixcore.recipe.models import NONE
from mixcore.runtime.frames import small_frame
from mixcore.runtime.stage import Stage, Unit
from mixcore.runtime.tables import DOCUMENTS, HOT_BUCKETS, PAIRS, SHINGLES, SIGNALS_TABLE

if TYPE_CHECKING:
    from mixcore.recipe.models import Dedup
    from mixcore.runtime.stage import Run, Writes

MAX_BROADCAST_BYTES = 128 << 20
"""Shingle sets (on disk; hashes do not compress) that every task gets; more of them, or a size that
is not at hand, are left to Spark, which shuffles them twice, once a side of the pairs."""
_SOURCE_FIELDS = ("doc_id", "content_hash", "bands", "sketch")


def _plan(run: Run) -> list[Unit]:
    dedup = run.recipe.dedup
    if dedup == NONE:
        return []
    reads = tuple(dedup_key(run.recipe, unit.key) for unit in run.units["ingest"])
    params = {
        "exact": dedup.exact != NONE,
        "min_jaccard": None if dedup.near == NONE else dedup.near.min_jaccard,
    }
    return [Unit(STAGE.key(params, sorted(reads)), "all", reads=reads)]


def _build(run: Run, missing: list[Unit]) -> Iterator[Writes]:
    dedup = run.recipe.dedup
    assert dedup != NONE
    (unit,) = missing
    key = F.lit(unit.key).alias("key")
    signals = (
        run.read(SIGNALS_TABLE, "profile").where(F.col("status") == "ok").select(*_SOURCE_FIELDS)
    )
    members = None
    if dedup.exact != NONE:
        # Kept: the plan of the band shuffle depends on its size, and it is written as pairs too.
        members = run.scratch.keep(exact_members(signals), "exact")
    if dedup.near == NONE:
        for table in STAGE.tables[:-1]:
            yield table, small_frame(run.spark, [], table.schema)
        if members is None:
            yield PAIRS, small_frame(run.spark, [], PAIRS.schema)
        else:
            yield PAIRS, _pairs(members, None).select(key, "*")
        return
    yield from _near(run, dedup, signals, members, key)


def _near(
    run: Run, dedup: Dedup, signals: DataFrame, members: DataFrame | None, key: Column
) -> Iterator[Writes]:
    near, tasks = dedup.near, _tasks(run, dedup)
    assert near != NONE
    if members is None:
        contents = signals
    else:
        contents = signals.join(members.select("doc_id"), "doc_id", "left_anti")
    found = run.scratch.keep(band_candidates(contents, tasks), "candidates")
    hot = found.where("is_hot").select(F.col("a").alias("band_key"), F.col("b").alias("doc_id"))
    pairs = run.scratch.keep(
        with_similar_sketches(
            found.where("NOT is_hot").select("a", "b").distinct(), signals, near.min_jaccard
        ),
        "pairs",
    )
    # Ids repeat: a semi join asks for no distinct ones.
    ids = pairs.select(F.explode(F.array("a", "b")).alias("doc_id"))
    ids = ids.unionByName(hot.select("doc_id"))
    documents = run.read(DOCUMENTS, "ingest")
    yield [
        (SHINGLES, shingles_of(documents, ids, near.shingle.cut).select(key, "*")),
        (HOT_BUCKETS, hot.select(key, "*")),
    ]
    shingles = run.read(SHINGLES, STAGE.name).select("doc_id", "hashes")
    n_bytes = run.pool.file_bytes(SHINGLES, run.keys(STAGE.name))
    if n_bytes is not None and n_bytes <= MAX_BROADCAST_BYTES:
        shingles = F.broadcast(shingles)
    edges = verified(pairs, shingles, near.min_jaccard)
    yield PAIRS, _pairs(members, edges).select(key, "*")


def _tasks(run: Run, dedup: Dedup) -> int:
    """Tasks of the band shuffle."""
    at_least = int(run.spark.conf.get("spark.sql.shuffle.partitions") or 1)
    return n_tasks(run.n_documents or 0, band_plan(dedup).bands, at_least)


def _pairs(members: DataFrame | None, edges: DataFrame | None) -> DataFrame:
    """Rows of `pairs` without the key: exact members with their representatives, near edges."""
    parts = []
    if members is not None:
        one = F.lit(1.0)
        parts.append(
            members.select(
                F.col("representative").alias("doc_a"), F.col("doc_id").alias("doc_b"),
                F.lit("exact").alias("kind"), one.alias("jaccard"),
                one.alias("containment_a"), one.alias("containment_b"),
            )
        )  # fmt: skip
    if edges is not None:
        parts.append(
            edges.select(
                "doc_a", "doc_b", F.lit("near").alias("kind"),
                "jaccard", "containment_a", "containment_b",
            )
        )  # fmt: skip
    rows = reduce(DataFrame.unionByName, parts)
    return rows.withColumn("kept_in", F.lit(None).cast("string"))


STAGE = Stage("match", 1, (SHINGLES, HOT_BUCKETS, PAIRS), _plan, _build)
