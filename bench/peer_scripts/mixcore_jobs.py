"""mixcore's own Spark jobs on the data that a peer gets, in one warm session.

    python mixcore_jobs.py whole CORPUS WORK --repeat 3
    python mixcore_jobs.py dedup CORPUS WORK --repeat 3

CORPUS holds a directory of JSON lines for each source of bench/large.yaml. `whole` times
raw -> corpus and pool -> corpus; `dedup` times profile with its deduplication outputs only, match
and resolve, from an ingested pool. Prints medians.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from result import give
from run import AFTER_INGEST, RECIPE, WARM_UPS, forget, fresh, timed

from mixcore.dedup import match_stage, resolve_stage
from mixcore.ingest import stage as ingest
from mixcore.pipeline import execute
from mixcore.profile import stage as profile
from mixcore.profile.transform import profile as profile_documents
from mixcore.quality import stage as score
from mixcore.recipe.loader import load_recipe
from mixcore.runtime.session import build_session
from mixcore.runtime.stage import Run, Unit, run_stage
from mixcore.runtime.tables import DOCUMENTS, DUPLICATES, SIGNALS_TABLE, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

INGESTED = ("files", "documents", "quarantine")


def dedup_columns_only(run: Run, missing: list[Unit]) -> Iterator[tuple[Table, DataFrame]]:
    """As the stage `profile` builds its rows, but without signals."""
    keys = {unit.reads[0]: unit.key for unit in missing}
    spec = dataclasses.replace(profile.profile_spec(run.recipe), outputs="dedup")
    yield SIGNALS_TABLE, profile_documents(run.pool.read(DOCUMENTS, list(keys)), spec, keys)


DEDUP_PROFILE = dataclasses.replace(profile.STAGE, build=dedup_columns_only)
"""Has the keys of the full stage, so it must never write to a pool that anything else uses."""


def whole(spark: SparkSession, sets: list[str], repeat: int) -> None:
    seconds: dict[str, list[float]] = {"pool -> corpus": [], "raw -> corpus": []}
    run = fresh(sets, spark)
    execute(run, "publish")
    for _ in range(WARM_UPS):
        forget(run, AFTER_INGEST)
        run = fresh(sets, spark)
        execute(run, "publish")
    for name, tables in (
        ("pool -> corpus", AFTER_INGEST),
        ("raw -> corpus", (*AFTER_INGEST, *INGESTED)),
    ):
        for _ in range(repeat):
            forget(run, tables)
            run = fresh(sets, spark)
            seconds[name].append(timed(lambda r=run: execute(r, "publish")))
    n_removed = run.read(DUPLICATES, "resolve").where("is_removed").count()
    give(
        seconds={name: statistics.median(s) for name, s in seconds.items()},
        removed_as_duplicates=n_removed,
    )


def dedup(spark: SparkSession, sets: list[str], repeat: int) -> None:
    """No rules: every document is deduplicated, as the peer does."""
    sources = load_recipe(RECIPE, sets).recipe.sources
    sets = [*sets, *(f"sources.{name}.rules=none" for name in sources)]
    parts: dict[str, list[float]] = {"profile": [], "match": [], "resolve": []}
    totals = []
    for i in range(repeat + WARM_UPS):
        run = fresh(sets, spark)
        run.scratch.clear()
        forget(run, AFTER_INGEST)
        run_stage(run, ingest.STAGE)
        spent = {}
        for stage in (DEDUP_PROFILE, score.STAGE, match_stage.STAGE, resolve_stage.STAGE):
            started = time.perf_counter()
            run_stage(run, stage)
            spent[stage.name] = time.perf_counter() - started
        if i < WARM_UPS:
            continue
        for name, found in parts.items():
            found.append(spent[name])
        # Scores of documents without rules are no part of deduplication.
        totals.append(sum(spent[name] for name in parts))
    removed = run.read(DUPLICATES, "resolve").where("is_removed").count()
    run.scratch.clear()
    give(
        seconds=statistics.median(totals),
        steps={name: statistics.median(found) for name, found in parts.items()},
        documents=run.read(DOCUMENTS, "ingest").count(),
        removed=removed,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=("whole", "dedup"))
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    (args.work / "out").mkdir(parents=True)
    sets = [
        f"output.path={args.work / 'out'}", f"pool.path={args.work / 'pool'}",
        # A small slice has too few documents to meet every share exactly.
        "stop_if.off_target=1.0",
    ]  # fmt: skip
    sets += [
        f"sources.{name}.path={args.corpus / name}" for name in load_recipe(RECIPE).recipe.sources
    ]
    spark = build_session(f"mixcore-peers-{args.job}")
    {"whole": whole, "dedup": dedup}[args.job](spark, sets, args.repeat)
    spark.stop()
    shutil.rmtree(args.work)


if __name__ == "__main__":
    main()
