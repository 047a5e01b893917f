"""The stage `publish`: documents, mixture -> dropped, validation, corpus.

Text is read once for the corpus (and once more for validation, if there is one) and joined with
the picks by id; everything else is decided on narrow rows. Counts must add up before and after
the corpus is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from mixcore.mixing import stage as mixing
from mixcore.mixing.select import seeded_hash
from mixcore.mixing.validation import has_token_limit, limited_clusters
from mixcore.publish.deliver import MAX_BROADCAST_PICKS, delivered, in_order, n_files
from mixcore.publish.fates import (
    CONFLICT,
    CORPUS_FATE,
    LOST,
    VALIDATION_FATE,
    decide,
    documents_judged,
    dropped_rows,
    placed,
)
from mixcore.recipe.columns import declared_columns
from mixcore.runtime.errors import ContractError
from mixcore.runtime.frames import small_frame
from mixcore.runtime.stage import OutputStage
from mixcore.runtime.tables import CORPUS, DOCUMENTS, DROPPED, MIXTURE, VALIDATION

if TYPE_CHECKING:
    from pyspark.sql import Column

    from mixcore.runtime.stage import Run, Writes
    from mixcore.runtime.tables import Table

VALIDATION_PHASE = "validation"
_DROPPED_ROWS = 1_000_000
"""Rows of `dropped` a file: some 20 MB."""
_DEFAULT_PARALLELISM = 8
"""Tasks to keep busy where the session does not say (`spark.default.parallelism`)."""


def _params(run: Run) -> tuple[Any, tuple[str, ...]]:
    recipe = run.recipe
    near = recipe.dedup.near if recipe.dedup != "none" else "none"
    params = {
        "output": recipe.output.model_dump(mode="json", exclude={"path"}),
        "seed": recipe.seed,
        "declared": declared_columns(recipe),
        "min_jaccard": near if near == "none" else near.min_jaccard,
    }
    return params, (
        *run.keys("ingest"), *run.keys("score"), *run.keys("resolve"), mixing.STAGE.key(run),
    )  # fmt: skip


def _build(run: Run) -> Iterator[Writes]:
    judged = placed(documents_judged(run))
    if has_token_limit(run.recipe):  # several aggregations of them
        judged = run.scratch.keep(judged, "judged")
    limited = limited_clusters(judged, run.recipe, run.sample)
    if limited is not None:
        limited = run.scratch.keep(limited, "validation")
    fates = run.scratch.keep(decide(judged, run.recipe, limited), "fates")
    counts = _count(run, fates)
    counts.check()
    n_dropped = counts.documents - counts.of(CORPUS_FATE) - counts.of(VALIDATION_FATE)
    yield [
        (DROPPED, dropped_rows(fates).coalesce(1 + n_dropped // _DROPPED_ROWS)),
        (VALIDATION, _validation(run, fates, counts)),
    ]
    yield CORPUS, _corpus(run, fates, counts)
    _check_written(run, counts)


# ---- rows -------------------------------------------------------------------------------------


def _corpus(run: Run, fates: DataFrame, counts: _Counts) -> DataFrame:
    if not counts.of(CORPUS_FATE):
        return _empty(run, CORPUS)
    picks = fates.where(F.col("fate") == CORPUS_FATE).select(
        "doc_id", F.col("leaf").alias("domain"), "phase", "copies", "order_hash",
        "n_tokens", "language", "score",
    )  # fmt: skip
    if counts.of(CORPUS_FATE) <= MAX_BROADCAST_PICKS:
        picks = F.broadcast(picks)
    rows = delivered(run.read(DOCUMENTS, "ingest"), picks, run.recipe, counts.max_copies)
    size = counts.corpus_bytes
    files = n_files(size, run.recipe.output.target_file_mb, _parallelism(run))
    return in_order(rows, run.recipe, files)


def _validation(run: Run, fates: DataFrame, counts: _Counts) -> DataFrame:
    if not counts.of(VALIDATION_FATE):
        return _empty(run, VALIDATION)
    picks = fates.where(F.col("fate") == VALIDATION_FATE).select(
        "doc_id", F.col("stratum").alias("domain"), F.lit(VALIDATION_PHASE).alias("phase"),
        F.lit(1).alias("copies"),
        seeded_hash(run.recipe.seed, "order", "doc_id").alias("order_hash"),
        "n_tokens", "language", "score",
    )  # fmt: skip
    if counts.of(VALIDATION_FATE) <= MAX_BROADCAST_PICKS:
        picks = F.broadcast(picks)
    rows = delivered(run.read(DOCUMENTS, "ingest"), picks, run.recipe, max_copies=1)
    files = n_files(counts.validation_bytes, run.recipe.output.target_file_mb, 1)
    return in_order(rows, run.recipe, max(files, _parallelism(run)))


def _empty(run: Run, table: Table) -> DataFrame:
    more = [T.StructField(name, T.StringType()) for name in declared_columns(run.recipe)]
    if run.recipe.output.copies == "column":
        more.insert(0, T.StructField("copies", T.IntegerType()))
    return small_frame(run.spark, [], T.StructType([*table.schema.fields, *more]))


def _parallelism(run: Run) -> int:
    found = run.spark.conf.get("spark.default.parallelism", None)
    return int(found) if found else _DEFAULT_PARALLELISM


# ---- accounting -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counts:
    """What the narrow tables say, before anything is written."""

    documents: int
    distinct: int
    mixture: int
    copies: int
    """Copies in the mixture."""
    split_clusters: int
    """Clusters with documents both in validation and in the corpus."""
    by_fate: dict[str, int]
    corpus_bytes: int
    validation_bytes: int
    max_copies: int

    def of(self, fate: str) -> int:
        return self.by_fate.get(fate, 0)

    def check(self) -> None:
        """Every document has one fate, and every pick is a document.

        Raises:
            ContractError: The counts do not add up; with the numbers.
        """
        total = sum(self.by_fate.values())
        faults = []
        if not self.documents == total == self.distinct:
            faults.append(
                f"{self.documents:,} documents, {total:,} decisions on {self.distinct:,} ids"
            )
        if self.of(LOST):
            faults.append(f"{self.of(LOST):,} documents have no scores")
        if self.of(CONFLICT):
            faults.append(
                f"{self.of(CONFLICT):,} documents of the mixture were dropped or held out"
            )
        if self.mixture != self.of(CORPUS_FATE) + self.of(CONFLICT):
            faults.append(
                f"the mixture has {self.mixture:,} rows, {self.of(CORPUS_FATE):,} are documents"
            )
        if self.split_clusters:
            faults.append(f"{self.split_clusters:,} clusters lie in validation and in the corpus")
        if faults:
            raise ContractError(
                "the counts do not add up: " + "; ".join(faults),
                where="publish",
                value=dict(sorted(self.by_fate.items())),
                fix="a table of the pool or the mixture is damaged: run `mixcore verify`",
            )


def _count(run: Run, fates: DataFrame) -> _Counts:
    """One small job over narrow rows."""
    copies = F.coalesce(F.col("copies"), F.lit(1)).cast("long")
    # By id first: the number of groups is the number of distinct ids.
    of_id = (
        fates.groupBy("doc_id")
        .agg(
            F.min("fate").alias("what"),
            F.count(F.lit(1)).alias("n"),
            F.sum(F.col("n_bytes") * copies).alias("size"),
            F.max("copies").cast("long").alias("most"),
        )
        .select("what", "n", F.lit(1).cast("long").alias("ids"), "size", "most")
    )

    one, nothing = F.lit(1).cast("long"), F.lit(0).cast("long")

    def counted(rows: DataFrame, what: str, size: Column = nothing) -> DataFrame:
        return rows.select(
            F.lit(what).alias("what"), one.alias("n"), nothing.alias("ids"),
            size.alias("size"), nothing.alias("most"),
        )  # fmt: skip

    parts = of_id.unionByName(counted(run.read(DOCUMENTS, "ingest"), "documents"))
    picked = counted(run.output.read(MIXTURE), "mixture", F.col("copies").cast("long"))
    parts = parts.unionByName(picked)
    if run.recipe.validation is not None:
        both = (
            fates.where(F.col("fate").isin(CORPUS_FATE, VALIDATION_FATE))
            .groupBy("cluster_id")
            .agg(F.countDistinct("fate").alias("fates"))
            .where("fates > 1")
        )
        parts = parts.unionByName(counted(both, "split"))
    sums = parts.groupBy("what").agg(
        *(F.sum(name).alias(name) for name in ("n", "ids", "size")), F.max("most").alias("most")
    )
    found = {row["what"]: row for row in sums.collect()}  # a row a fate
    distinct = sum(int(row["ids"]) for row in found.values())
    numbers = {name: int(row["n"]) for name, row in found.items()}
    extra = {name: numbers.pop(name, 0) for name in ("documents", "mixture", "split")}

    def of(what: str, column: str) -> int:
        return int(found[what][column] or 0) if what in found else 0

    return _Counts(
        documents=extra["documents"],
        distinct=distinct,
        mixture=extra["mixture"],
        copies=of("mixture", "size"),
        split_clusters=extra["split"],
        by_fate=numbers,
        corpus_bytes=of(CORPUS_FATE, "size"),
        validation_bytes=of(VALIDATION_FATE, "size"),
        max_copies=of(CORPUS_FATE, "most"),
    )


def _check(run: Run) -> None:
    """After a reuse: the published tables still add up."""
    _check_written(run, None)


def _check_written(run: Run, counts: _Counts | None) -> None:
    """Count what was written; reads no text.

    Args:
        run: The run.
        counts: What the narrow tables said before; None: count the documents and picks again.

    Raises:
        ContractError: Documents are not corpus + validation + dropped, or rows are not copies.
    """
    one, nothing = F.lit(1), F.lit(0)
    first = F.when(F.col("copy_index") == 0, one).otherwise(nothing)
    units = F.col("copies") if run.recipe.output.copies == "column" else one
    corpus = run.output.totals(CORPUS, F.lit("corpus"), documents=first, delivered=units)
    if counts is None:
        copies = F.sum("copies").alias("copies")
        n_picks, n_copies = run.output.read(MIXTURE).agg(F.count(one), copies).collect()[0]
        n_documents = run.read(DOCUMENTS, "ingest").count()
    else:
        n_documents, n_picks, n_copies = counts.documents, counts.mixture, counts.copies
    n = {
        "documents": n_documents,
        "corpus": corpus.get("corpus", {}).get("documents", 0),
        "validation": run.output.n_rows(VALIDATION),
        "dropped": run.output.n_rows(DROPPED),
        "mixture": n_picks,
        "copies": n_copies or 0,
        "delivered": corpus.get("corpus", {}).get("delivered", 0),
    }
    if (
        n["documents"] != n["corpus"] + n["validation"] + n["dropped"]
        or n["corpus"] != n["mixture"]
        or n["delivered"] != n["copies"]
    ):
        raise ContractError(
            "documents are not corpus + validation + dropped, or corpus rows are not the copies",
            where=run.output.path,
            value=n,
            fix="run `mixcore verify`; then publish again",
        )


STAGE = OutputStage(
    name="publish",
    version=1,
    tables=(DROPPED, VALIDATION, CORPUS),
    params=_params,
    build=_build,
    check=_check,
)
