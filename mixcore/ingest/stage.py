"""Stage `ingest`: raw files and tables to `quarantine`, `documents` and `files`.

One unit a source and batch. `files` is written last and says that a batch is complete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.ingest import intake as taking
from mixcore.ingest.batches import FileIdentity, longest_chain, new_files, parse_options
from mixcore.ingest.intake import Batch, Counts, Intake
from mixcore.ingest.limits import check
from mixcore.ingest.listing import InputFile, list_source
from mixcore.ingest.parse import ParseSpec
from mixcore.runtime.stage import Run, Stage, Unit
from mixcore.runtime.tables import DOCUMENTS, FILES, QUARANTINE, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.recipe.models import Source


def plan(run: Run) -> list[Unit]:
    """The batches of every source: those recorded whose files are all there still, and the rest."""
    recorded = _recorded(run)
    return [
        unit
        for name, source in run.recipe.sources.items()
        for unit in _plan_source(run, name, source, recorded.get(name, {}))
    ]


def _plan_source(
    run: Run, name: str, source: Source, recorded: dict[str, list[FileIdentity]]
) -> list[Unit]:
    listing = list_source(run.spark, name, source)
    spec = ParseSpec(name, source, listing.format, listing.patterns)
    spec.check()
    options = parse_options(name, source, listing, run.sample)

    def key_of(files: Collection[FileIdentity], earlier: Sequence[str]) -> str:
        return STAGE.key({"options": options, "files": sorted(files)}, list(earlier))

    chain = longest_chain(recorded, [f.identity for f in listing.files], key_of)
    by_identity = {f.identity: f for f in listing.files}
    batches: list[tuple[str, tuple[InputFile, ...]]] = [
        (key, tuple(by_identity[i] for i in sorted(recorded[key]))) for key in chain
    ]
    rest = new_files(listing.files, recorded, chain)
    if rest:
        batches.append((key_of([f.identity for f in rest], chain), rest))
    return [
        Unit(
            key,
            f"{name}/{i}",
            name,
            reads=tuple(k for k, _ in batches[:i]),
            data=Batch(spec, files),
        )
        for i, (key, files) in enumerate(batches)
    ]


def _recorded(run: Run) -> dict[str, dict[str, list[FileIdentity]]]:
    """Files of complete batches by source and key. Collected: grows with files only."""
    out: dict[str, dict[str, list[FileIdentity]]] = {}
    rows = run.pool.read_all(FILES).where(F.col("source").isin(*run.recipe.sources))
    for r in rows.select("source", "key", "file", "size", "modified").collect():
        out.setdefault(r["source"], {}).setdefault(r["key"], []).append(
            (r["file"], r["size"], r["modified"])
        )
    return out


def build(run: Run, units: list[Unit]) -> Iterator[tuple[Table, DataFrame]]:
    """Quarantine, documents, files of the missing batches, in one pass each."""
    intake = taking.take_in(run, units)
    yield QUARANTINE, _quarantine(run, intake)
    rows = taking.documents(intake)
    yield DOCUMENTS, _empty(run, DOCUMENTS) if rows is None else rows
    yield FILES, run.spark.createDataFrame(_file_rows(intake), FILES.schema)


def _empty(run: Run, table: Table) -> DataFrame:
    return run.spark.createDataFrame([], table.schema)


def _quarantine(run: Run, intake: Intake) -> DataFrame:
    rows = taking.refused(intake)
    damaged = [
        (u.key, u.source, f.path, "corrupt_file", "truncated or unreadable", None)
        for u in intake.units
        for f in sorted(intake.damaged.get(u.key, ()))
    ]
    files = run.spark.createDataFrame(damaged, QUARANTINE.schema)
    return files if rows is None else rows.unionByName(files)


def _file_rows(
    intake: Intake,
) -> list[tuple[str, str | None, str, int, int, int, int, int, int]]:
    rows = []
    for unit in intake.units:
        for f in unit.data.files:
            n = intake.counts.get((unit.key, f.path), Counts())
            lost = n.n_bad + n.n_duplicate
            rows.append(
                (
                    unit.key,
                    unit.source,
                    f.path,
                    f.size,
                    f.modified,
                    n.rows_read,
                    n.rows_read - n.n_identical - lost,
                    n.n_identical,
                    lost,
                )
            )
    return rows


STAGE = Stage(
    name="ingest",
    version=1,
    tables=(QUARANTINE, DOCUMENTS, FILES),
    plan=plan,
    build=build,
    check=check,
)
