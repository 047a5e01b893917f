"""`mixcore verify`: count a published output again, from its own tables and nothing else.

Every row is read, text included, so a file that is gone or damaged is found. Nothing that the run
noted is trusted: amounts are added up from the rows of `mixture` and `corpus`, and compared with
the targets, with each other, and with the checksums in `runs`. The pool is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mixcore.mixing.achieved import Achieved, check_achieved
from mixcore.mixing.candidates import budget_unit
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.tables import (
    CORPUS,
    DROPPED,
    MIXTURE,
    MIXTURE_CUTOFFS,
    RUNS,
    VALIDATION,
    Table,
)

if TYPE_CHECKING:
    from pyspark.sql import Column

    from mixcore.runtime.stage import Run

_SHARED = (MIXTURE, MIXTURE_CUTOFFS, CORPUS, VALIDATION, DROPPED)
_MAX_SHOWN = 10
_DAMAGED = re.compile(
    r"FAILED_READ_FILE|FILE_NOT_EXIST|PATH_NOT_FOUND|FileNotFoundException|is not a Parquet file"
)
_RESTORE = "publish again into an empty directory, or restore the tables from a copy"
Amounts = dict[tuple[str, str, int | None], int]
"""Units by domain, phase and score bucket (None: all buckets)."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    faults: tuple[str, ...]
    detail: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether nothing was wrong."""
        return not self.faults


def verify(run: Run) -> list[Check]:
    """Check the output of a run's recipe.

    Args:
        run: A run of the recipe; need not be planned. Nothing is written.

    Returns:
        What was checked, in the order of reading.

    Raises:
        RecipeError: Nothing was published yet.
        ContractError: A file cannot be read.
    """
    missing = [t.name for t in _SHARED if not run.output.exists(t)]
    if missing:
        raise RecipeError(
            "this output is not published", where=run.output.path, value=missing,
            fix="run `mixcore run RECIPE` first",
        )  # fmt: skip
    try:
        return _checks(run)
    except Exception as error:  # Spark's own class depends on where the task failed
        found = _DAMAGED.search(str(error))
        if found is None:
            raise
        line = next(ln for ln in str(error).splitlines() if found[0] in ln)
        raise ContractError(
            "a file of the published tables is gone or damaged", where=run.output.path, value=line,
            fix=_RESTORE,
        ) from error  # fmt: skip


def _checks(run: Run) -> list[Check]:
    unit = budget_unit(run.recipe)
    cutoffs = run.output.read(MIXTURE_CUTOFFS).collect()  # a row a stratum
    chosen, delivered = _mixture_amounts(run, cutoffs, unit), _corpus_amounts(run, unit)
    return [
        _versions(run),
        _targets(run, cutoffs, chosen if unit != "bytes" else delivered),
        _against_cutoffs(cutoffs, chosen, delivered, unit),
        _documents(run),
        _rows(run),
        _checksums(run),
    ]


def require(checks: Sequence[Check], where: str) -> None:
    """Raise if a check failed.

    Raises:
        ContractError: With every fault.
    """
    faults = [f"{check.name}: {fault}" for check in checks for fault in check.faults]
    if faults:
        shown = "\n".join(f"    {fault}" for fault in faults[:_MAX_SHOWN])
        more = f"\n    ... and {len(faults) - _MAX_SHOWN} more" if len(faults) > _MAX_SHOWN else ""
        raise ContractError(
            f"the published tables do not hold what they should\n{shown}{more}", where=where,
            fix=_RESTORE,
        )  # fmt: skip


# ---- amounts ----------------------------------------------------------------------------------


def _mixture_amounts(run: Run, cutoffs: Sequence[Any], unit: str) -> Amounts:
    """Units of the mixture by stratum; empty for bytes, which it does not hold."""
    if unit == "bytes":
        return {}
    size = F.col("n_tokens") if unit == "tokens" else F.lit(1).cast("long")
    found = (
        run.output.read(MIXTURE)
        .groupBy("domain", "phase", "score_bucket")
        .agg(F.sum(F.col("copies") * size).alias("units"))
        .collect()  # at most 20 rows a leaf domain and phase
    )
    by_bucket = {(r["domain"], r["phase"]) for r in cutoffs if r["score_bucket"] is not None}
    out: Amounts = {}
    for r in found:
        bucket = r["score_bucket"] if (r["domain"], r["phase"]) in by_bucket else None
        at = (r["domain"], r["phase"], bucket)
        out[at] = out.get(at, 0) + int(r["units"] or 0)
    return out


def _copies(df: DataFrame) -> Column:
    """How often a row of the corpus counts."""
    return F.col("copies").cast("long") if "copies" in df.columns else F.lit(1).cast("long")


def _corpus_amounts(run: Run, unit: str) -> Amounts:
    """Units of the corpus by domain and phase, all buckets."""
    corpus = run.output.read(CORPUS)
    sizes = {"tokens": F.col("n_tokens"), "documents": F.lit(1).cast("long"),
             "bytes": F.octet_length("text").cast("long")}  # fmt: skip
    found = (
        corpus.groupBy("domain", "phase")
        .agg(F.sum(_copies(corpus) * sizes[unit]).alias("units"))
        .collect()  # a row a leaf domain and phase
    )
    return {(r["domain"], r["phase"], None): int(r["units"] or 0) for r in found}


def _whole(amounts: Mapping[tuple[str, str, int | None], int]) -> Amounts:
    """The same without buckets."""
    out: Amounts = {}
    for (domain, phase, _), units in amounts.items():
        out[domain, phase, None] = out.get((domain, phase, None), 0) + units
    return out


def _label(at: tuple[str, str, int | None]) -> str:
    domain, phase, bucket = at
    return f"{domain} ({phase})" if bucket is None else f"{domain} ({phase}, bucket {bucket})"


def _targets(run: Run, cutoffs: Sequence[Any], found: Amounts) -> Check:
    """Recounted amounts against targets, by the recipe's `off_target`."""
    strata = [
        Achieved(
            r["domain"], r["target"],
            found.get((r["domain"], r["phase"], r["score_bucket"]), 0), r["boundary"],
        )
        for r in cutoffs
    ]  # fmt: skip
    limit = run.recipe.stop_if.off_target
    total, target = sum(s.achieved for s in strata), sum(s.target for s in strata)
    detail = f"{total:,} of {target:,} in {len(strata)} strata, off_target {limit:g}"
    try:
        check_achieved(strata, limit)
    except ContractError as error:
        return Check("targets", tuple(ln.strip() for ln in error.what.splitlines()[1:]), detail)
    return Check("targets", (), detail)


def _against_cutoffs(
    cutoffs: Sequence[Any], chosen: Amounts, delivered: Amounts, unit: str
) -> Check:
    """The three tables must name the same amounts, to the last unit."""
    noted = {(r["domain"], r["phase"], r["score_bucket"]): int(r["achieved"]) for r in cutoffs}
    faults = []
    if unit != "bytes":
        faults += _differences(noted, chosen, "mixture_cutoffs", "mixture", unit)
    faults += _differences(_whole(noted), delivered, "mixture_cutoffs", "corpus", unit)
    detail = f"{sum(delivered.values()):,} {unit} delivered"
    return Check("mixture, cutoffs and corpus agree", tuple(faults), detail)


def _differences(a: Amounts, b: Amounts, name_a: str, name_b: str, unit: str) -> list[str]:
    return [
        f"{_label(at)}: {name_a} has {a.get(at, 0):,} {unit}, {name_b} {b.get(at, 0):,}"
        for at in sorted(a.keys() | b.keys(), key=str)
        if a.get(at, 0) != b.get(at, 0)
    ]


# ---- documents and rows -----------------------------------------------------------------------


def _documents(run: Run) -> Check:
    """Every document is in one place, with the copies, domains and phases that were chosen."""
    corpus, mixture = run.output.read(CORPUS), run.output.read(MIXTURE)
    zero = F.lit(0).cast("long")
    # Sums of hashes tell a copy delivered under another domain or phase.
    place = F.xxhash64("domain", "phase").cast("decimal(38,0)")

    def counted(df: DataFrame, what: str, n: Column, places: Column) -> DataFrame:
        ones = dict.fromkeys(("corpus", "mixture", "validation", "dropped"), zero)
        ones[what] = n
        return df.select(
            "doc_id", *(c.alias(name) for name, c in ones.items()), places.alias("places")
        )

    nowhere = F.lit(0).cast("decimal(38,0)")
    one = F.lit(1).cast("long")
    n_corpus, n_mixture = _copies(corpus), F.col("copies").cast("long")
    parts = (
        counted(corpus, "corpus", n_corpus, place * n_corpus),
        counted(mixture, "mixture", n_mixture, -place * n_mixture),
        counted(run.output.read(VALIDATION), "validation", one, nowhere),
        counted(run.output.read(DROPPED), "dropped", one, nowhere),
    )
    names = ("corpus", "mixture", "validation", "dropped", "places")
    by_id = reduce(DataFrame.unionByName, parts).groupBy("doc_id").agg(
        *(F.sum(name).alias(name) for name in names)
    )  # fmt: skip
    tests = {
        "documents have no id": F.col("doc_id").isNull(),
        "documents are delivered other times than chosen": F.col("corpus") != F.col("mixture"),
        "documents are delivered in another domain or phase than chosen":
            (F.col("corpus") == F.col("mixture")) & (F.col("places") != 0),
        "documents are in the corpus and held out or dropped":
            (F.col("corpus") > 0) & (F.col("validation") + F.col("dropped") > 0),
        "documents are twice in validation or dropped":
            F.col("validation") + F.col("dropped") > 1,
    }  # fmt: skip
    found = by_id.agg(
        F.count(F.lit(1)).alias("n"),
        *(F.count_if(test).alias(f"n{i}") for i, test in enumerate(tests.values())),
        *(F.min(F.when(t, F.col("doc_id"))).alias(f"e{i}") for i, t in enumerate(tests.values())),
    ).collect()[0]  # one row
    faults = [
        f"{found[f'n{i}']:,} {what}, e.g. doc_id {found[f'e{i}']}"
        for i, what in enumerate(tests)
        if found[f"n{i}"]
    ]
    noted = _noted(run, "publish")
    if noted is not None and noted["rows_in"] not in (None, found["n"]):
        faults.append(
            f"corpus, validation and dropped have {found['n']:,} documents, the run had "
            f"{noted['rows_in']:,}"
        )
    return Check("documents", tuple(faults), f"{found['n']:,} documents, each in one place")


def _rows(run: Run) -> Check:
    """Every row can be read and lies where it says."""
    faults, n_bytes = [], 0
    shards = run.recipe.output.shards
    for table in (CORPUS, VALIDATION):
        shard = F.least(F.floor(F.col("position") * shards).cast("int"), F.lit(shards - 1))
        tests = {
            "have no text": F.col("text").isNull(),
            "have a position outside 0 .. 1": ~F.col("position").between(0.0, 1.0),
            f"lie in another shard than their position says ({shards} shards)":
                F.col("shard") != shard,
            "have a negative copy_index": F.col("copy_index") < 0,
        }  # fmt: skip
        found = run.output.read(table).agg(
            F.coalesce(F.sum(F.octet_length("text").cast("long")), F.lit(0)).alias("size"),
            # Hashing reads every byte; lengths alone might come from an index some day.
            F.bit_xor(F.xxhash64("text")).alias("hash"),
            *(F.count_if(test).alias(f"n{i}") for i, test in enumerate(tests.values())),
        ).collect()[0]  # one row  # fmt: skip
        n_bytes += int(found["size"])
        faults += [
            f"{found[f'n{i}']:,} rows of {table.name} {what}"
            for i, what in enumerate(tests)
            if found[f"n{i}"]
        ]
    return Check("rows", tuple(faults), f"{n_bytes:,} bytes of text read")


# ---- what was noted ---------------------------------------------------------------------------


def _noted(run: Run, stage: str) -> Any | None:
    """The newest row of `runs` that computed the stage's result as it is published now."""
    table = {"mix": MIXTURE, "publish": CORPUS}[stage]
    key = run.output.latest(table)[1].get("key")
    if not run.output.exists(RUNS):
        return None
    rows = (
        run.output.read(RUNS)
        .where((F.col("stage") == stage) & (F.col("key") == key) & F.col("checksum").isNotNull())
        .orderBy(F.col("ended_at").desc(), "run_id")
        .limit(1)
        .collect()  # one row
    )
    return rows[0] if rows else None


def _checksums(run: Run) -> Check:
    """Mixture and corpus have the checksums that the run noted after writing them."""
    faults, compared = [], []
    for stage, table in (("mix", MIXTURE), ("publish", CORPUS)):
        noted = _noted(run, stage)
        if noted is None:  # the run was killed before it could note anything
            continue
        n, checksum = run.output.fingerprint(table)
        compared.append(table.name)
        if (noted["rows_out"], noted["checksum"]) != (n, checksum):
            faults.append(
                f"{table.name} has {n:,} rows and checksum {checksum}, run {noted['run_id']} noted "
                f"{noted['rows_out']:,} and {noted['checksum']}"
            )
    shown = ", ".join(compared) or "none noted"
    return Check("checksums", tuple(faults), shown)


def _versions(run: Run) -> Check:
    """The tables of a stage are of one run: each carries the key, the last names the others."""
    faults = []
    latest = {table.name: run.output.latest(table) for table in _SHARED}

    def family(last: Table, others: tuple[Table, ...]) -> None:
        _, about = latest[last.name]
        for other in others:
            version, found = latest[other.name]
            if found.get("key") != about.get("key"):
                faults.append(f"{other.name} is not of the run that wrote {last.name}")
            elif about.get("versions", {}).get(other.name) != version:
                faults.append(
                    f"{other.name} is at version {version}, {last.name} was written with "
                    f"{about.get('versions', {}).get(other.name)}"
                )

    family(MIXTURE, (MIXTURE_CUTOFFS,))
    family(CORPUS, (DROPPED, VALIDATION))
    about = latest[CORPUS.name][1]
    detail = f"run {about.get('run_id')}"
    if about.get("recipe_sha256") != run.recipe_sha256:
        detail += ", of another recipe or other overrides"
    return Check("versions", tuple(faults), detail)
