"""The whole job: the stages in the order of the data, for the command line and for spark-submit."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from mixcore.dedup import match_stage, resolve_stage
from mixcore.ingest import stage as ingest
from mixcore.mixing import stage as mix
from mixcore.profile import stage as profile
from mixcore.publish import stage as publish
from mixcore.quality import stage as score
from mixcore.recipe.loader import LoadedRecipe, load_recipe
from mixcore.recipe.models import Output as OutputSection
from mixcore.recipe.models import Pool as PoolSection
from mixcore.report.render import write_report
from mixcore.runtime.errors import (
    ContractError,
    InfrastructureError,
    MixcoreError,
    RecipeError,
    SupersededError,
)
from mixcore.runtime.lock import lease
from mixcore.runtime.progress import Progress, configure_logging
from mixcore.runtime.session import build_session
from mixcore.runtime.stage import (
    OutputStage,
    Run,
    Stage,
    output_versions,
    run_output_stage,
    run_stage,
    runs_row,
)
from mixcore.runtime.store import Output, Pool, Scratch
from mixcore.runtime.tables import MIXTURE_CUTOFFS, RUNS
from mixcore.runtime.threads import side_by_side

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGES = ("ingest", "profile", "score", "match", "resolve", "mix", "publish", "report")
"""In the order of the data. The verb `dedup` runs match and resolve."""

_log = logging.getLogger("mixcore")


POOL_STEPS: tuple[tuple[Stage, ...], ...] = (
    (ingest.STAGE,),
    (profile.STAGE,),
    (score.STAGE, match_stage.STAGE),
    (resolve_stage.STAGE,),
)
"""Stages of a step do not read each other, so they run at the same time: the planning of one fills
the gaps of the other."""
OUTPUT_STAGES: tuple[OutputStage, ...] = (mix.STAGE, publish.STAGE)


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    run_id: str
    status: str
    report: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).absolute())


def open_run(
    loaded: LoadedRecipe,
    spark: SparkSession,
    progress: Progress,
    *,
    run_id: str | None = None,
    sample: float | None = None,
) -> Run:
    """A run of a recipe; nothing is read or written yet.

    Args:
        loaded: The recipe.
        spark: The session.
        progress: Where stage boundaries are shown.
        run_id: The scheduler's label for `runs`; made up if absent. Part of no key.
        sample: Share of the documents, 0..1, taken by id hash; pool and output then lie in
            OUTPUT/sample-X.

    Raises:
        RecipeError: `sample` is not within (0, 1].
    """
    if sample is not None and not 0.0 < sample <= 1.0:
        raise RecipeError(
            "a sample is a share of the documents", where="--sample", value=sample,
            fix="give a number above 0 and at most 1, e.g. --sample 0.01",
        )  # fmt: skip
    recipe = loaded.recipe
    output = _absolute(recipe.output.path)
    pool = _absolute(recipe.pool.path)
    if sample is not None:
        output = f"{output}/sample-{sample:g}"
        pool = f"{output}/pool"
    recipe = recipe.model_copy(
        update={
            "output": OutputSection.model_validate({**recipe.output.model_dump(), "path": output}),
            "pool": PoolSection(path=pool),
        }
    )
    return Run(
        spark=spark,
        recipe=recipe,
        recipe_sha256=loaded.sha256,
        pool=Pool(spark, pool),
        output=Output(spark, output),
        scratch=Scratch(spark, f"{output}/_scratch"),
        progress=progress,
        run_id=run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}",
        sample=sample,
    )


def execute(run: Run, until: str = "report") -> Outcome:
    """Run every stage up to and including `until`, doing only what is missing.

    Holds the output's lease meanwhile, notes each stage in `runs` (also of a run that fails) and
    leaves OUT/outcome.json.

    Raises:
        MixcoreError: See its subclasses for the exit codes.
    """
    started = time.monotonic()
    status, error_text, exit_code = "failed", None, 1
    report: str | None = None
    try:
        with lease(run.output.path, run.run_id), _scratch(run):
            try:
                report = _stages(run, until)
            finally:
                _note_runs(run)
        status, exit_code = "done", 0
    except BaseException as error:
        found = as_user_error(error)
        error_text, exit_code = str(found or error), found.exit_code if found else 1
        if found is not None and found is not error:
            raise found from error
        raise
    finally:
        seconds = time.monotonic() - started
        _write_outcome(run, status, exit_code, error_text, seconds)
    return Outcome(run.run_id, status, report, {r.stage: r.status for r in run.records}, seconds)


def _stages(run: Run, until: str) -> str | None:
    last = STAGES.index(until)
    base: dict[str, int] = {}
    if last >= STAGES.index("mix"):
        for declared in OUTPUT_STAGES:
            base.update(output_versions(run, declared))
    for step in POOL_STEPS:
        wanted = [stage for stage in step if STAGES.index(stage.name) <= last]
        if wanted:
            _run_step(run, wanted)
    for output_stage in OUTPUT_STAGES:
        if STAGES.index(output_stage.name) <= last:
            run_output_stage(run, output_stage, base)
    if until != "report":
        return None
    with run.progress.stage("report") as line:
        path = str(write_report(run))
        line.detail(path)
    return path


def _run_step(run: Run, stages: Sequence[Stage]) -> None:
    """Run stages side by side; their records come in the order of the stages."""
    n_before = len(run.records)
    try:
        side_by_side(run.spark, [partial(run_stage, run, stage) for stage in stages])
    finally:
        order = [stage.name for stage in stages]
        run.records[n_before:] = sorted(run.records[n_before:], key=lambda r: order.index(r.stage))


@contextmanager
def _scratch(run: Run) -> Iterator[None]:
    """A clean scratch directory: what a killed run left goes first, ours at the end."""
    run.scratch.clear()
    try:
        yield
    finally:
        run.scratch.clear()


def _note_runs(run: Run) -> None:
    """Append the run's rows to `runs`, also of a run that fails; if that fails it is logged."""
    if not run.records:
        return
    try:
        for record in run.records:
            record.rows_in = run.rows_read if record.stage == "ingest" else run.n_documents
        rows = [runs_row(run, record) for record in run.records]
        run.output.append(RUNS, rows, (f"mixcore.runs.{run.run_id}", 1))
    except Exception:  # noqa: BLE001 - the tables stand; a missing note is no failed run
        _log.warning("runs.not_noted %s", traceback.format_exc(limit=1))


def _write_outcome(
    run: Run, status: str, exit_code: int, error: str | None, seconds: float
) -> None:
    """OUT/outcome.json, for schedulers that cannot see exit codes. Local outputs only."""
    if "://" in run.output.path:
        return
    path = Path(run.output.path) / "outcome.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    outcome = {
        "run_id": run.run_id, "status": status, "exit_code": exit_code, "error": error,
        "recipe_sha256": run.recipe_sha256, "seconds": round(seconds, 1),
        "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    fresh = path.with_name(f".outcome.{os.getpid()}")
    fresh.write_text(json.dumps(outcome, indent=1), encoding="utf-8")
    fresh.replace(path)


_WRAPPED = re.compile(
    r"mixcore\.runtime\.errors\.(RecipeError|ContractError|InfrastructureError|SupersededError): "
    r"(.*?)(?:\n\n|\Z)",
    re.DOTALL,
)
_INFRASTRUCTURE = re.compile(
    r"No space left on device|Disk quota exceeded|Connection (refused|reset)|ExecutorLostFailure"
    r"|Py4JNetworkError|OutOfMemoryError|UnknownHostException|SparkContext was shut down"
    r"|Answer from Java side is empty|Python worker exited unexpectedly|Job aborted.*FetchFailed"
)


def as_user_error(error: BaseException) -> MixcoreError | None:
    """The error a user should see, or None for a defect of ours.

    Our own errors come back as they are, also those that crossed a Python worker as text; faults
    of machine, cluster or storage become an InfrastructureError.
    """
    if isinstance(error, MixcoreError):
        return error
    text = f"{type(error).__name__}: {error}"
    wrapped = _WRAPPED.search(text)
    if wrapped:
        kinds: dict[str, type[MixcoreError]] = {
            c.__name__: c
            for c in (RecipeError, ContractError, InfrastructureError, SupersededError)
        }
        return kinds[wrapped.group(1)](wrapped.group(2).strip())
    found = _INFRASTRUCTURE.search(text)
    if found or isinstance(error, OSError):
        line = next((ln for ln in text.splitlines() if found and found.group(0) in ln), text[:300])
        return InfrastructureError(
            "the machine, the cluster or the storage failed", value=line.strip()[:300],
            fix="run the same command again; what is complete is kept",
        )  # fmt: skip
    return None


def report_error(error: BaseException) -> int:
    """Say on stderr what went wrong and return the exit code."""
    found = as_user_error(error)
    if found is None:
        traceback.print_exception(error)
        print("mixcore: a defect of ours; please report the lines above", file=sys.stderr)
        return 1
    print(f"mixcore: {found}", file=sys.stderr)
    return found.exit_code


def job_main(until: str | None = None, argv: Sequence[str] | None = None) -> int:
    """Entry point of jobs/*.py under spark-submit: parse, run, return the exit code.

    Args:
        until: Last stage to run; None: all of them.
        argv: Arguments after the script's name: RECIPE [--set k=v ...] [--run-id ID] [--sample X].
    """
    parser = argparse.ArgumentParser(description=f"mixcore up to stage {until or 'report'}")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="K=V")
    parser.add_argument("--run-id")
    parser.add_argument("--sample", type=float)
    args = parser.parse_args(argv)
    configure_logging()
    try:
        loaded = load_recipe(args.recipe, args.overrides)
        for warning in loaded.warnings:
            _log.warning("recipe.warning %s", warning)
        spark = build_session(f"mixcore {loaded.recipe.name}")
        run = open_run(loaded, spark, Progress(), run_id=args.run_id, sample=args.sample)
        outcome = execute(run, until or "report")
    except Exception as error:  # noqa: BLE001 - every error becomes an exit code
        return report_error(error)
    _log.info("run.finished run_id=%s seconds=%.1f", outcome.run_id, outcome.seconds)
    return 0


def summary(run: Run) -> list[dict[str, Any]]:
    """Target against achieved by domain, from `mixture_cutoffs` (a row a stratum: small)."""
    if not run.output.exists(MIXTURE_CUTOFFS):
        return []
    rows = (
        run.output.read(MIXTURE_CUTOFFS)
        .groupBy("domain", "phase")
        .agg(
            F.sum("available").alias("available"),
            F.sum("target").alias("target"),
            F.sum("achieved").alias("achieved"),
        )
        .orderBy("phase", "domain")
        .collect()  # a row a leaf domain and phase
    )
    total = sum(r["achieved"] or 0 for r in rows) or 1
    return [{**r.asDict(), "share": (r["achieved"] or 0) / total} for r in rows]
