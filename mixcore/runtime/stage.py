"""Stages: what a room declares, and what the runtime does for all of them.

A room declares a `Stage`: its name, the pool tables it writes, how its units of work follow from
the recipe (`plan`), and the rows of the units that are missing (`build`). The runtime looks the
keys up, skips what is complete, writes each table in one commit, adopts what a concurrent run
finished first, checks, reports progress and notes the `runs` rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mixcore import __version__
from mixcore.runtime.errors import SupersededError
from mixcore.runtime.keys import canonical_json, make_key
from mixcore.runtime.store import Output, Pool, Scratch, is_lost_race
from mixcore.runtime.threads import side_by_side

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from mixcore.recipe.models import Recipe
    from mixcore.runtime.progress import Progress
    from mixcore.runtime.tables import Table

_Result = TypeVar("_Result")

Written = tuple["Table", "DataFrame"]
Writes = Written | list[Written]
"""What a stage yields: a table's rows, or those of several tables, written at the same time."""

_MAX_RACES = 5
"""Lost races in a row after which something else is wrong."""


@dataclass(frozen=True)
class Unit:
    """A part of a stage's work with a key of its own, e.g. one batch of one source."""

    key: str
    label: str
    source: str | None = None
    reads: tuple[str, ...] = ()
    """Keys of what it reads, in the order of the key's computation."""
    data: Any = None
    """What only this stage knows of it, e.g. the file listing. Part of no key by itself."""


@dataclass(frozen=True)
class Stage:
    """Declaration of a stage that writes pool tables."""

    name: str
    version: int
    """Raised when the same inputs would give other rows; part of every key."""
    tables: tuple[Table, ...]
    """Each is written in one commit; a key held by the last one is complete."""
    plan: Callable[[Run], list[Unit]]
    """All units the recipe needs. Reads no text; may look at `run.units` of earlier stages."""
    build: Callable[[Run, list[Unit]], Iterator[Writes]]
    """Rows (with `key`) of the missing units, table by table, the last one last. Lazy: what follows
    is asked for when what was yielded is written."""
    check: Callable[[Run, list[Unit]], None] | None = None
    """Run after a write and after a reuse: raises ContractError, e.g. for a `stop_if` limit."""

    def key(self, params: Any, reads: Any) -> str:
        """Key of a unit of this stage."""
        return make_key(self.name, self.version, params, reads)


@dataclass
class StageRecord:
    """What happened to a stage in this run: a row of `runs` and a line of the report."""

    stage: str
    status: str
    keys: tuple[str, ...]
    reads: tuple[str, ...]
    n_reused: int
    started_at: datetime
    ended_at: datetime
    rows_in: int | None = None
    rows_out: int | None = None
    checksum: str | None = None


@dataclass
class Run:
    """One execution of a recipe: where everything is and what has been done so far."""

    spark: SparkSession
    recipe: Recipe
    recipe_sha256: str
    pool: Pool
    output: Output
    scratch: Scratch
    progress: Progress
    run_id: str
    sample: float | None = None
    units: dict[str, list[Unit]] = field(default_factory=dict)
    """By stage name: the units the recipe needs, filled as stages are planned."""
    records: list[StageRecord] = field(default_factory=list)
    rows_read: int | None = None
    """Input rows of all batches, as ingest found them."""
    n_documents: int | None = None
    """Documents of all batches, likewise."""

    def keys(self, stage: str) -> list[str]:
        """Keys of all units of a planned stage."""
        return [unit.key for unit in self.units[stage]]

    def read(self, table: Table, stage: str) -> DataFrame:
        """Rows of `table` for all units of `stage` in this recipe."""
        return self.pool.read(table, self.keys(stage))

    def metadata(self, stage: str, **more: Any) -> dict[str, Any]:
        """Commit metadata, for people: who wrote this and from which recipe."""
        return {
            "stage": stage,
            "run_id": self.run_id,
            "recipe_sha256": self.recipe_sha256,
            "code_version": __version__,
            **more,
        }


def run_stage(run: Run, stage: Stage) -> None:
    """Bring all units of `stage` to completion, doing only what is missing."""
    with _recorded(run, stage.name) as record, run.progress.stage(stage.name) as line:
        units = run.units.setdefault(stage.name, stage.plan(run))
        record.keys = tuple(unit.key for unit in units)
        record.reads = tuple(key for unit in units for key in unit.reads)
        n_written = 0
        for attempt in range(_MAX_RACES):
            held = run.pool.held(stage.tables[-1], [u.key for u in units])
            missing = [u for u in units if u.key not in held]
            if not missing:
                break
            line.detail(f"{len(missing)} of {len(units)} to do")
            try:
                record.rows_out = _write(run, stage, missing)
            except Exception as error:
                if not is_lost_race(error) or attempt == _MAX_RACES - 1:
                    raise
                time.sleep(0.2 * 2**attempt)
                continue
            n_written += len(missing)
            break
        record.n_reused = len(units) - n_written
        record.status = "done" if n_written else "reused"
        line.detail(f"{n_written} done, {len(units) - n_written} reused")
        if stage.check is not None:
            stage.check(run, units)


@contextmanager
def _recorded(run: Run, stage: str) -> Iterator[StageRecord]:
    """A record of `run.records` for the stage; a stage that raises is noted as failed."""
    now = datetime.now(UTC)
    record = StageRecord(stage, "failed", (), (), 0, now, now)
    run.records.append(record)
    try:
        yield record
    except BaseException:
        record.status = "failed"
        raise
    finally:
        record.ended_at = datetime.now(UTC)


def _write(run: Run, stage: Stage, missing: Sequence[Unit]) -> int | None:
    """Write all tables of the missing units; rows of the last one, if known."""
    keys = [u.key for u in missing]
    labels: Mapping[str, str] = {u.key: u.label for u in missing}
    metadata = run.metadata(stage.name, units=labels)

    def write(table: Table, rows: DataFrame) -> int | None:
        return run.pool.write(table, rows, keys, metadata)

    n_rows = None
    for writes in stage.build(run, list(missing)):
        n_rows = _write_all(run, write, writes)[-1]
    return n_rows


def _write_all(run: Run, write: Callable[..., _Result], writes: Writes) -> list[_Result]:
    """Write what a stage yielded."""
    listed = [writes] if isinstance(writes, tuple) else writes
    return side_by_side(run.spark, [partial(write, *written) for written in listed])


def plan_stages(run: Run, stages: Sequence[Stage]) -> None:
    """Plan every stage in order without running any: fills `run.units`."""
    for stage in stages:
        run.units[stage.name] = stage.plan(run)


def runs_row(run: Run, record: StageRecord) -> tuple[Any, ...]:
    """The `runs` row of a record, in the order of the table's columns."""
    return (
        run.run_id, record.stage, ",".join(record.keys), run.recipe_sha256, __version__,
        canonical_json(list(record.reads)), record.rows_in, record.rows_out, record.checksum,
        record.status, record.started_at, record.ended_at,
    )  # fmt: skip


@dataclass(frozen=True)
class OutputStage:
    """Declaration of a stage that overwrites output tables as wholes."""

    name: str
    version: int
    tables: tuple[Table, ...]
    """The last one is written last; its commit names the versions of the others, and it is current
    if its latest version carries the run's key."""
    params: Callable[[Run], tuple[Any, tuple[str, ...]]]
    """What the result depends on: (parameters, keys it reads)."""
    build: Callable[[Run], Iterator[Writes]]
    """The rows, table by table. Lazy, as for `Stage`: what must hold before the last table is
    written is checked before it is yielded, and what was written after."""
    check: Callable[[Run], None] | None = None
    """Run after a reuse: raises ContractError."""

    def key(self, run: Run) -> str:
        """Key of this output."""
        params, reads = self.params(run)
        return make_key(self.name, self.version, params, reads)


def output_versions(run: Run, stage: OutputStage) -> dict[str, int]:
    """Latest versions of the stage's tables; taken when the run begins, they fence its writes."""
    return {table.name: run.output.latest(table)[0] for table in stage.tables}


def is_current(run: Run, stage: OutputStage, key: str) -> bool:
    """Whether every table of the stage, in its latest version, carries `key`."""
    return all(run.output.latest(t)[1].get("key") == key for t in reversed(stage.tables))


def run_output_stage(run: Run, stage: OutputStage, base: Mapping[str, int]) -> None:
    """Bring the output to the run's key, unless it is there already.

    Args:
        run: The run.
        stage: The stage.
        base: Versions seen when the run began (`output_versions`).

    Raises:
        SupersededError: A newer run has published meanwhile.
    """
    with _recorded(run, stage.name) as record, run.progress.stage(stage.name) as line:
        key = stage.key(run)
        record.keys, record.reads = (key,), stage.params(run)[1]
        if is_current(run, stage, key):
            record.status, record.n_reused = "reused", 1
            line.detail("as published")
            if stage.check is not None:
                stage.check(run)
            return
        versions: dict[str, int] = {}

        def write(table: Table, rows: DataFrame) -> tuple[str, int | None]:
            metadata = run.metadata(stage.name, key=key, versions=dict(versions))
            fence = (f"mixcore.{stage.name}", base[table.name] + 1)
            version = None
            try:
                version = run.output.write(table, rows, metadata, fence=fence)
            except Exception as error:
                if not is_lost_race(error):
                    raise
            _own(run, table, key)
            return table.name, version

        for writes in stage.build(run):
            found = _write_all(run, write, writes)
            versions.update({name: v for name, v in found if v is not None})
        record.rows_out, record.checksum = run.output.fingerprint(stage.tables[-1])
        record.status = "done"


def _own(run: Run, table: Table, key: str) -> None:
    """Raise unless the latest version of `table` carries `key`: the fence skips silently."""
    version, found = run.output.latest(table)
    if found.get("key") != key:
        raise SupersededError(
            "a newer run has published to this output meanwhile",
            where=run.output.location(table),
            value=f"version {version} of run {found.get('run_id')}, key {found.get('key')}",
            fix="nothing to do: the newer result stands; do not retry this run",
        )
