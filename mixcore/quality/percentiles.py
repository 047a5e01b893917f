"""Percentiles by (source, language): integer histograms, then one look-up a document.

The two histograms (of each component, then of `score_raw`) are collected: their size is bounded by
4096 bins x components x strata, and the strata by `MAX_LANGUAGES` a source, whatever the number of
documents. What is looked up is one small array a stratum, joined by broadcast.

A language with fewer than `MIN_DOCUMENTS` passing documents in a source is measured against the
whole source. A small source is measured against itself: with n documents the rank is off by about
1/sqrt(n), while the identity that larger pipelines fall back to would put a clean small source
into the top bucket as a whole and make its scores useless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from mixcore.quality.bins import BINS, BUCKETS, component_table, percentiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mixcore.recipe.models import Component

MIN_DOCUMENTS = 2000
"""A language with fewer documents is measured against its source (quality.md 5.1)."""
MAX_LANGUAGES = 64
"""Languages of a source with a histogram of their own, the largest first: bounds the driver."""
WHOLE = ""
"""Stratum name of "the whole source"."""

_Histograms = dict[tuple[str, str], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Strata:
    """Languages with a histogram of their own, by source."""

    own: Mapping[str, tuple[str, ...]]

    def column(self) -> Column:
        """The stratum of a document: its language, or `WHOLE`."""
        stratum = F.lit(WHOLE)
        for source, languages in sorted(self.own.items()):
            if languages:
                is_own = (F.col("source") == source) & F.col("language").isin(*languages)
                stratum = F.when(is_own, F.col("language")).otherwise(stratum)
        return stratum


def ranked_languages(judged: DataFrame) -> DataFrame:
    """`source`, `language`, `n` (passing documents), `missing` (bits of the whole source).

    At most `MAX_LANGUAGES` rows a source, so it may be collected.
    """
    counts = judged.groupBy("source", "language").agg(
        F.sum(F.col("passed").cast("bigint")).alias("n"),
        F.bit_or("missing").alias("missing"),
    )
    by_source = Window.partitionBy("source")
    place = F.row_number().over(by_source.orderBy(F.desc("n"), "language"))
    return (
        counts.withColumn("missing", F.bit_or("missing").over(by_source))
        .withColumn("place", place)
        .where(F.col("place") <= MAX_LANGUAGES)
        .drop("place")
    )


def strata_of(rows: Sequence[tuple[str, str | None, int]]) -> Strata:
    """Strata from (source, language, passing documents)."""
    own: dict[str, list[str]] = {}
    for source, language, n in rows:
        if language and n >= MIN_DOCUMENTS:
            own.setdefault(source, []).append(language)
    return Strata({source: tuple(sorted(languages)) for source, languages in own.items()})


def component_histogram(judged: DataFrame, strata: Strata, n_components: int) -> DataFrame:
    """Bytes of passing documents by (`source`, `stratum`, `component`, `bin`)."""
    pairs = [f"named_struct('component', {i}, 'bin', bin_{i})" for i in range(n_components)]
    return (
        judged.where("passed")
        .select("source", strata.column().alias("stratum"), "n_bytes",
                F.expr(f"explode(array({', '.join(pairs)}))").alias("at"))
        .where(F.col("at.bin") < BINS)
        .groupBy("source", "stratum", "at.component", "at.bin")
        .agg(F.sum("n_bytes").alias("bytes"))
    )  # fmt: skip


def raw_histogram(rated: DataFrame) -> DataFrame:
    """Bytes of passing documents by (`source`, `stratum`, `component` = 0, `bin`)."""
    return (
        rated.where("passed")
        .groupBy("source", "stratum", F.lit(0).alias("component"), raw_bin().alias("bin"))
        .agg(F.sum("n_bytes").alias("bytes"))
    )


def raw_bin() -> Column:
    """The bin of `score_raw`."""
    return F.expr(f"least({BINS - 1}, CAST(floor(score_raw * {BINS}) AS INT))")


def read_histogram(table: pa.Table, component: int, strata: Strata) -> _Histograms:
    """Histograms of one component; a source's own one is the sum over all its strata.

    Args:
        table: Collected `source`, `stratum`, `component`, `bin`, `bytes`.
        component: Which one.
        strata: Those that get a histogram even if nothing was counted.

    Returns:
        int64 of length `BINS` by (source, stratum).
    """
    names = {(source, lang) for source, own in strata.own.items() for lang in own}
    found: _Histograms = {name: np.zeros(BINS, np.int64) for name in names}
    columns = [table.column(n).to_pylist() for n in ("source", "stratum", "component", "bin")]
    sums = table.column("bytes").to_pylist()
    for source, stratum, which, at, n in zip(*columns, sums, strict=True):
        if which != component:
            continue
        for name in {(source, stratum), (source, WHOLE)}:
            found.setdefault(name, np.zeros(BINS, np.int64))[at] += n
    return found


def component_tables(
    table: pa.Table, scores: Mapping[str, Sequence[Component]], strata: Strata, width: int
) -> pa.Table:
    """What to look up for `score_raw`: `source`, `stratum`, `parts` (width x 4097 doubles).

    Args:
        table: The collected component histogram.
        scores: Components of each source.
        strata: Strata of each source.
        width: Components of the longest score; shorter ones are filled with zeros.
    """
    by_component = [read_histogram(table, i, strata) for i in range(width)]
    nothing = np.zeros(BINS, np.int64)
    rows: list[tuple[str, str, npt.NDArray[np.float64]]] = []
    for source, components in sorted(scores.items()):
        total = sum(c.weight for c in components)
        for stratum in (WHOLE, *strata.own.get(source, ())):
            parts = np.zeros((width, BINS + 1))
            for i, c in enumerate(components):
                histogram = by_component[i].get((source, stratum), nothing)
                parts[i] = component_table(
                    histogram, c.weight / total, high_is_better=c.better == "high"
                )
            rows.append((source, stratum, parts.ravel()))
    return _look_up_table(rows, "parts")


def rank_tables(table: pa.Table, sources: Sequence[str], strata: Strata) -> pa.Table:
    """What to look up for `score`: `source`, `stratum`, `ranks` (4096 doubles)."""
    found = read_histogram(table, 0, strata)
    nothing = np.zeros(BINS, np.int64)
    rows = [
        (source, stratum, percentiles(found.get((source, stratum), nothing)))
        for source in sorted(sources)
        for stratum in (WHOLE, *strata.own.get(source, ()))
    ]
    return _look_up_table(rows, "ranks")


def _look_up_table(rows: Sequence[tuple[str, str, npt.NDArray[np.float64]]], name: str) -> pa.Table:
    return pa.table(
        {
            "source": pa.array([r[0] for r in rows], pa.string()),
            "stratum": pa.array([r[1] for r in rows], pa.string()),
            name: pa.array([r[2] for r in rows], pa.list_(pa.float64())),
        }
    )


def rate(judged: DataFrame, tables: DataFrame, strata: Strata, width: int) -> DataFrame:
    """Add `stratum` and `score_raw` (0..1); sources without components must not be in it."""
    total = " + ".join(f"parts[bin_{i} + {i * (BINS + 1)}]" for i in range(width))
    return (
        judged.withColumn("stratum", strata.column())
        .join(F.broadcast(tables), ["source", "stratum"], "left")
        .withColumn("score_raw", F.expr(f"least(1.0D, {total})"))
        .drop("parts")
    )


def rank(rated: DataFrame, tables: DataFrame) -> DataFrame:
    """Add `score` (0..1)."""
    return (
        rated.join(F.broadcast(tables), ["source", "stratum"], "left")
        .withColumn("score", F.col("ranks")[raw_bin()])
        .drop("ranks")
    )


def bucket(score: Column) -> Column:
    """Bucket 0..19 of a score."""
    return F.least(F.lit(BUCKETS - 1), F.floor(score * BUCKETS).cast("int"))
