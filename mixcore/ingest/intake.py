"""Taking batches in: the ledger pass, and what the written tables are made from.

The raw files are read twice, once for the ledger and once to write; the few files that hold bad
rows or contested ids once or twice more. Text is shuffled only for rows of contested ids.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.ingest import identity as ids
from mixcore.ingest.damage import damaged_file, refuse
from mixcore.ingest.jsonl import Lines, parse_lines
from mixcore.ingest.listing import InputFile
from mixcore.ingest.parse import ParseSpec, parquet_schema, parse_files
from mixcore.runtime.tables import DOCUMENTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from mixcore.runtime.stage import Run, Unit

_BROADCAST_IDS = 4_000_000
"""Contested ids up to this number are broadcast (about 100 MB); Spark chooses beyond."""


@dataclass(frozen=True)
class Batch:
    """What `Unit.data` holds: a batch of one source."""

    spec: ParseSpec
    files: tuple[InputFile, ...]


@dataclass
class Counts:
    """Of the rows of one file."""

    rows_read: int = 0
    n_bad: int = 0
    n_identical: int = 0
    n_duplicate: int = 0


@dataclass
class Intake:
    """All that the tables of some batches are written from."""

    run: Run
    units: list[Unit]
    damaged: dict[str, set[InputFile]] = field(default_factory=dict)
    """By key: files that are left out."""
    collisions: tuple[ids.Collision, ...] = ()
    contested: DataFrame | None = None
    """(key, doc_id, earlier_text); None if every id is new and occurs once."""
    counts: dict[tuple[str, str], Counts] = field(default_factory=dict)
    """By (key, file), of files that have rows."""
    contested_files: set[tuple[str, str]] = field(default_factory=set)
    """(key, file) of every row of a contested id: no other file is read for them."""
    schemas: dict[str, StructType] = field(default_factory=dict)
    """By key: the merged parquet schema of a batch; a part of its files may lack columns."""

    @property
    def declared(self) -> tuple[str, ...]:
        """Declared columns of all sources at hand, sorted."""
        return tuple(sorted({c for u in self.units for c in u.data.spec.declared}))

    def files(self, unit: Unit) -> list[InputFile]:
        """The files of a batch that are read."""
        left_out = self.damaged.get(unit.key, set())
        return [f for f in unit.data.files if f not in left_out]

    def rows(self, only: Collection[tuple[str, str]] | None = None) -> DataFrame | None:
        """Rows with ids, lazily, of all files or of those (key, file); None if there are none."""
        spark = self.run.spark
        parts: list[DataFrame] = []
        lines: list[Lines] = []
        for unit in self.units:
            files = [f for f in self.files(unit) if only is None or (unit.key, f.path) in only]
            spec: ParseSpec = unit.data.spec
            if not files:
                continue
            if spec.format == "jsonl":
                lines.append(Lines(unit.key, spec, files))
                continue
            if spec.format == "parquet" and unit.key not in self.schemas:
                self.schemas[unit.key] = parquet_schema(spark, spec, self.files(unit))
            parts.append(parse_files(spark, spec, files, unit.key, self.schemas.get(unit.key)))
        parts += parse_lines(spark, lines)
        if not parts:
            return None
        rows = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), parts)
        absent = [c for c in self.declared if c not in rows.columns]
        rows = rows.withColumns({c: F.lit(None).cast("string") for c in absent})
        return ids.with_ids(rows, self.declared, self.collisions, self.run.sample)


def take_in(run: Run, units: Sequence[Unit]) -> Intake:
    """Read the raw files once and decide everything but the text.

    Raises:
        ContractError: A damaged file of a source that says `on_corrupt_file: fail`.
    """
    intake = Intake(run, list(units))
    ledger = _ledger(intake)
    if ledger is None:
        return intake
    intake.contested, ledger = _contested(intake, ledger)
    _count(intake, ledger)
    return intake


def _ledger(intake: Intake) -> DataFrame | None:
    """The ledger of all readable files; damaged ones are found one by one and left out."""
    while True:
        try:
            rows = intake.rows()
            if rows is None:
                return None
            return intake.run.scratch.keep(rows.select(*ids.LEDGER), "ledger")
        except Exception as error:
            unit, file = _damaged(intake, error)
            if unit.data.spec.source.on_corrupt_file == "fail":
                raise refuse(unit.data.spec.name, file) from error
            intake.damaged.setdefault(unit.key, set()).add(file)


def _damaged(intake: Intake, error: Exception) -> tuple[Unit, InputFile]:
    owners = {f: u for u in intake.units for f in intake.files(u)}
    file = damaged_file(error, owners)
    if file is None:
        raise error
    return owners[file], file


def _contested(intake: Intake, ledger: DataFrame) -> tuple[DataFrame | None, DataFrame]:
    """Ids that need a decision, and the ledger with final ids."""
    keep = intake.run.scratch.keep
    repeated = keep(ids.repeated_ids(ledger), "repeated")
    known = _known(intake, ledger)
    intake.collisions = _collisions(ledger, repeated, known)
    if intake.collisions:
        rows = intake.rows()
        assert rows is not None
        ledger = keep(rows.select(*ids.LEDGER), "ledger")
        repeated = keep(ids.repeated_ids(ledger), "repeated")
        known = _known(intake, ledger)
    contested = repeated.select("key", "doc_id")
    if known is None:
        contested = contested.withColumn("earlier_text", F.lit(None).cast("long"))
    else:
        earlier = known.select("key", "doc_id", F.col("text_hash").alias("earlier_text"))
        contested = keep(contested.join(earlier, ["key", "doc_id"], "full_outer"), "contested")
    n = contested.count()
    if n == 0:
        return None, ledger
    return (F.broadcast(contested) if n <= _BROADCAST_IDS else contested), ledger


def _known(intake: Intake, ledger: DataFrame) -> DataFrame | None:
    """(key, doc_id, check_id, text_hash) of earlier documents whose id comes again, or None.

    Ids are compared first; the text of earlier batches is read only where one is found.
    """
    run, parts = intake.run, []
    for unit in intake.units:
        if unit.reads:
            documents = run.pool.read(DOCUMENTS, unit.reads)
            parts.append(documents.select(F.lit(unit.key).alias("key"), "doc_id"))
    if not parts:
        return None
    earlier = reduce(lambda a, b: a.unionByName(b), parts)
    known = run.scratch.keep(ids.known_ids(ledger, earlier), "known")
    n = known.count()
    if n == 0:
        return None
    matches = F.broadcast(known) if n <= _BROADCAST_IDS else known
    hashes = []
    for unit in intake.units:
        if unit.reads:
            documents = run.pool.read(DOCUMENTS, unit.reads).withColumn("key", F.lit(unit.key))
            found = documents.join(matches, ["key", "doc_id"], "left_semi")
            check = ids.check_id(F.col("native_id"), F.col("text"))
            hashes.append(
                found.select(
                    "key",
                    "doc_id",
                    check.alias("check_id"),
                    ids.text_hash(F.col("text")).alias("text_hash"),
                )
            )
    return run.scratch.keep(reduce(lambda a, b: a.unionByName(b), hashes), "known-texts")


def _collisions(
    ledger: DataFrame, repeated: DataFrame, known: DataFrame | None
) -> tuple[ids.Collision, ...]:
    """First-round ids shared by different identities: the earlier batch, else the least, keeps it.

    Collected: one is expected in 6 billion documents.
    """
    within = repeated.where("low <> high").select("key", "doc_id", F.col("low").alias("holder"))
    found = {(r["key"], r["doc_id"]): r["holder"] for r in within.collect()}
    if known is not None:
        holders = known.select("key", "doc_id", F.col("check_id").alias("holder"))
        both = ledger.join(holders, ["key", "doc_id"]).where("check_id <> holder")
        clashes = both.select("key", "doc_id", "holder").distinct().collect()
        found |= {(r["key"], r["doc_id"]): r["holder"] for r in clashes}
    return tuple(ids.Collision(k, d, holder) for (k, d), holder in sorted(found.items()))


def _count(intake: Intake, ledger: DataFrame) -> None:
    """Counts by file. Collected: they grow with files, not with documents."""
    bad = F.count(F.col("reason")).alias("n_bad")
    rows = ledger.groupBy("key", "file").agg(F.count(F.lit(1)).alias("rows_read"), bad).collect()
    for row in rows:
        intake.counts[row["key"], row["file"]] = Counts(row["rows_read"], row["n_bad"])
    if intake.contested is not None:
        verdicts = ids.judge(ledger, intake.contested).groupBy("key", "file", "verdict")
        for row in verdicts.count().collect():
            intake.contested_files.add((row["key"], row["file"]))
            counts = intake.counts[row["key"], row["file"]]
            if row["verdict"] == ids.IDENTICAL:
                counts.n_identical = row["count"]
            elif row["verdict"] == ids.DUPLICATE:
                counts.n_duplicate = row["count"]


def documents(intake: Intake) -> DataFrame | None:
    """Rows of DOCUMENTS with declared columns; None if no file has rows."""
    rows = intake.rows()
    if rows is None:
        return None
    if intake.contested is None:
        good = rows.where(F.col("reason").isNull())
    else:
        good = ids.uncontested(rows, intake.contested)
        again = intake.rows(intake.contested_files)
        if again is not None:
            judged = ids.judge(again, intake.contested)
            good = good.unionByName(
                judged.where(F.col("verdict") == ids.DOCUMENT).drop("verdict"),
                allowMissingColumns=True,
            )
    return good.select(
        *(
            F.octet_length("text").cast("long").alias("n_bytes") if c == "n_bytes" else F.col(c)
            for c in DOCUMENTS.column_names
        ),
        *(c for c in intake.declared),
    )


def refused(intake: Intake) -> DataFrame | None:
    """Rows of QUARANTINE apart from damaged files; None if there are none."""
    columns = ("key", "source", "file", "reason", "detail", "raw")
    parts: list[DataFrame] = []
    bad_files = {at for at, counts in intake.counts.items() if counts.n_bad}
    bad = intake.rows(bad_files) if bad_files else None
    if bad is not None:
        parts.append(bad.where(F.col("reason").isNotNull()).select(*columns))
    again = intake.rows(intake.contested_files) if intake.contested_files else None
    if again is not None and intake.contested is not None:
        losers = ids.judge(again, intake.contested).where(F.col("verdict") == ids.DUPLICATE)
        whose = F.concat(F.lit("another text has the id "), F.left("native_id", F.lit(200)))
        parts.append(
            losers.withColumns({"reason": F.lit("duplicate_id"), "detail": whose}).select(*columns)
        )
    return reduce(lambda a, b: a.unionByName(b), parts) if parts else None
