"""The stage `score`: signals and declared columns -> scores.

One unit a source. All missing units are computed together, from narrow columns: gates in one pass
over Arrow batches (kept in scratch), then the two histograms, then one look-up each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from mixcore.quality.bins import MIDDLE
from mixcore.quality.gates import MAX_GATES, show_limit
from mixcore.quality.judge import OUT_COLUMNS, OWN_COLUMNS, judge, signal_column
from mixcore.quality.judge import schema as judged_schema
from mixcore.quality.lists import read_lists
from mixcore.quality.lowest import lowest, mark_lowest
from mixcore.quality.percentiles import (
    bucket,
    component_histogram,
    component_tables,
    rank,
    rank_tables,
    ranked_languages,
    rate,
    raw_histogram,
    strata_of,
)
from mixcore.quality.selection import Selection, excluded
from mixcore.recipe.conditions import parse_condition
from mixcore.recipe.rules import ResolvedRules, resolve_rules
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.stage import Run, Stage, Unit
from mixcore.runtime.tables import DOCUMENTS, SCORES, SIGNALS_TABLE, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class SourceWork:
    """What a unit needs to know of its source (`Unit.data`).

    Attributes:
        rules: Gates, components and `drop_lowest`, presets expanded.
        selection: `where` and `exclude`.
        profile_keys: Keys of its rows in `signals`.
        ingest_keys: Keys of its rows in `documents`.
    """

    rules: ResolvedRules
    selection: Selection
    profile_keys: tuple[str, ...]
    ingest_keys: tuple[str, ...]


def rule_params(rules: ResolvedRules) -> dict[str, Any]:
    """What the result depends on: the content of the rule set, not its name or origin."""
    return {
        "gates": [
            {
                "id": g.id,
                "signal": g.signal,
                **g.gate.model_dump(mode="json", by_alias=True, exclude_none=True),
            }
            for g in rules.gates
        ],
        "score": [c.model_dump(mode="json") for c in rules.score],
        "drop_lowest": rules.drop_lowest,
    }


def _keys_of(run: Run, stage: str, source: str) -> tuple[str, ...]:
    return tuple(unit.key for unit in run.units[stage] if unit.source == source)


def plan(run: Run) -> list[Unit]:
    """One unit a source of the recipe. Reads the exclusion lists, no data."""
    units = []
    for name, source in run.recipe.sources.items():
        rules = resolve_rules(run.recipe, name)
        if len(rules.gates) > MAX_GATES:
            raise RecipeError(
                f"a rule set has at most {MAX_GATES} gates",
                where=f"rules.{rules.name}",
                value=len(rules.gates),
                fix="remove gates that never fire (see the report)",
            )
        lists = read_lists(source.exclude, name)
        if any(item.kind != "ids" for item in lists) and "url" not in source.columns:
            raise RecipeError(
                "exclude.domains and exclude.urls need a declared column `url`",
                where=f"sources.{name}",
                value=dict(source.columns),
                fix="add `url: FIELD` to the source's columns",
            )
        where = parse_condition(source.where) if source.where is not None else None
        work = SourceWork(
            rules,
            Selection(where, source.where or "", lists),
            _keys_of(run, "profile", name),
            _keys_of(run, "ingest", name),
        )
        params = {
            "source": name,
            "rules": rule_params(rules),
            "where": source.where,
            "exclude": {item.kind: item.digest for item in lists},
            "extra_per_document": run.recipe.tokens.extra_per_document,
        }
        reads = (*work.profile_keys, *work.ingest_keys)
        units.append(Unit(STAGE.key(params, list(reads)), name, name, reads, work))
    return units


def _key_column(units: Sequence[Unit]) -> Column:
    """The unit's key, by source."""
    key = F.lit(None).cast("string")
    for unit in units:
        key = F.when(F.col("source") == F.lit(unit.source), F.lit(unit.key)).otherwise(key)
    return key


def _out(run: Run, units: Sequence[Unit]) -> DataFrame | None:
    """`doc_id`, `out` of all documents that `where` or `exclude` removes; None: none can be."""
    parts = []
    for unit in units:
        work: SourceWork = unit.data
        if not work.selection:
            continue
        documents = run.pool.read(DOCUMENTS, work.ingest_keys)
        columns = [
            F.col(name) if name in documents.columns else F.lit(None).cast("string").alias(name)
            for name in work.selection.columns
        ]
        parts.append(excluded(documents.select("doc_id", *columns), work.selection))
    return reduce(DataFrame.unionByName, parts) if parts else None


def _judged(run: Run, units: Sequence[Unit], width: int) -> DataFrame:
    """All units' documents, judged in one pass (see `mixcore.quality.judge`)."""
    rules: dict[str, ResolvedRules] = {str(unit.source): unit.data.rules for unit in units}
    used = {gate.signal for r in rules.values() for gate in r.gates}
    used |= {component.signal for r in rules.values() for component in r.score}
    signals = run.pool.read(SIGNALS_TABLE, [key for u in units for key in u.data.profile_keys])
    rows = signals.select(
        *OWN_COLUMNS,
        F.col("signals.n_bytes").alias("n_bytes"),
        *(
            F.col(f"signals.{signal.replace('@', '__')}").alias(signal_column(signal))
            for signal in sorted(used - set(OWN_COLUMNS))
        ),
    )
    out = _out(run, units)
    if out is None:
        nothing = F.lit(None).cast("string")
        rows = rows.select("*", *(nothing.alias(name) for name in OUT_COLUMNS))
    else:
        named = [F.col(f"out.{name.removeprefix('out_')}").alias(name) for name in OUT_COLUMNS]
        rows = rows.join(out.select("doc_id", *named), "doc_id", "left")
    extra = run.recipe.tokens.extra_per_document
    spark_schema = from_arrow_schema(judged_schema(width))
    return rows.mapInArrow(
        partial(_judge_batches, rules=rules, width=width, extra=extra), spark_schema
    )


def _judge_batches(
    batches: Iterator[pa.RecordBatch], *, rules: dict[str, ResolvedRules], width: int, extra: int
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield judge(batch, rules, width, extra)


def _check_missing(judged: DataFrame, units: Sequence[Unit], bits: dict[str, int]) -> None:
    """Raise if a gate that needs a value has none somewhere."""
    for unit in units:
        rules: ResolvedRules = unit.data.rules
        for index, resolved in enumerate(rules.gates):
            if not bits.get(unit.source or "", 0) >> index & 1:
                continue
            has_bit = F.getbit("missing", F.lit(index)) == 1
            n = judged.where((F.col("source") == unit.source) & has_bit).count()
            raise ContractError(
                f"{n:,} documents have no {resolved.signal}, which a gate needs",
                where=f"sources.{unit.source}, rules.{rules.name}.gates.{resolved.id}",
                value=None,
                fix=f"say what then: {resolved.id}: {{..., on_missing: keep}} or drop; "
                "or remove the gate with `none`",
            )


def _arrow(spark: SparkSession, table: pa.Table) -> DataFrame:
    return spark.createDataFrame(table)


def build(run: Run, units: list[Unit]) -> Iterator[tuple[Table, DataFrame]]:
    """The scores of the missing units."""
    width = max(len(unit.data.rules.score) for unit in units)
    judged = run.scratch.keep(_judged(run, units, max(width, 1)), "judged")
    # At most MAX_LANGUAGES rows a source.
    languages = ranked_languages(judged).collect()
    _check_missing(judged, units, {r["source"]: r["missing"] for r in languages})
    strata = strata_of([(r["source"], r["language"], r["n"]) for r in languages])

    scores = {str(unit.source): unit.data.rules.score for unit in units}
    sources = sorted(scores)
    rated: DataFrame
    if width:
        # 4096 x components x strata rows at most, see quality/percentiles.py.
        histogram = component_histogram(judged, strata, width).toArrow()
        tables = component_tables(histogram, scores, strata, width)
        rated = rate(judged, _arrow(run.spark, tables), strata, width)
        without = [source for source, components in scores.items() if not components]
        if without:
            raw = F.when(F.col("source").isin(*without), F.lit(MIDDLE))
            rated = rated.withColumn("score_raw", raw.otherwise(F.col("score_raw")))
    else:
        rated = judged.withColumn("stratum", strata.column()).withColumn("score_raw", F.lit(MIDDLE))

    if width:
        histogram = raw_histogram(rated).toArrow()
        ranked = rank(rated, _arrow(run.spark, rank_tables(histogram, sources, strata)))
    else:
        ranked = rated.withColumn("score", F.lit(MIDDLE))

    if any(unit.data.rules.drop_lowest > 0 for unit in units):
        kept = run.scratch.keep(ranked, "ranked")
        ranked = mark_lowest(kept, lowest(kept))
    else:
        ranked = ranked.withColumn("is_lowest", F.lit(False))
    yield SCORES, final_columns(ranked, _key_column(units), _limits(units))


def _limits(units: Sequence[Unit]) -> Column:
    """`drop_limit` of `drop_lowest`, by source."""
    limit = F.lit(None).cast("string")
    for unit in units:
        text = show_limit(unit.data.rules.drop_lowest)
        limit = F.when(F.col("source") == F.lit(unit.source), F.lit(text)).otherwise(limit)
    return limit


def final_columns(ranked: DataFrame, key: Column, lowest_limit: Column) -> DataFrame:
    """The rows of the scores table. A failed document has score 0: nothing is known of it."""
    zero = F.lit(0.0)
    score = F.when(F.col("failed"), zero).otherwise(F.col("score"))
    raw = F.when(F.col("failed"), zero).otherwise(F.col("score_raw"))
    lowest_only = F.col("is_lowest")  # passing documents: they have no gate
    return ranked.select(
        key.alias("key"),
        "doc_id",
        "source",
        "language",
        "n_tokens",
        "gate_bits",
        F.when(lowest_only, "drop_lowest").otherwise(F.col("gate")).alias("drop_gate"),
        F.when(lowest_only, score.cast("string")).otherwise(F.col("value")).alias("drop_value"),
        F.when(lowest_only, lowest_limit).otherwise(F.col("limit")).alias("drop_limit"),
        raw.alias("score_raw"),
        score.alias("score"),
        bucket(score).alias("score_bucket"),
    )


STAGE = Stage("score", 2, (SCORES,), plan, build)
"""Writes `scores`, one unit a source."""
