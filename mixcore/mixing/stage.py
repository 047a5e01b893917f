"""The stage `mix`: scores, duplicates -> mixture_cutoffs, mixture. Reads no text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from mixcore.mixing.achieved import Achieved, check_achieved
from mixcore.mixing.allocate import Allocation, LeafAmount, allocate, exact
from mixcore.mixing.candidates import budget_unit, candidates, reads_documents, used_columns
from mixcore.mixing.select import (
    Cut,
    bin_bits,
    cut_points,
    cuts_frame,
    seeded_hash,
    select_order,
    targets_frame,
    whole_and_rest,
    with_copies,
)
from mixcore.mixing.validation import limited_clusters, mark_held_out
from mixcore.recipe.columns import domain_sources
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.frames import small_frame
from mixcore.runtime.stage import OutputStage
from mixcore.runtime.tables import MIXTURE, MIXTURE_CUTOFFS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.runtime.stage import Run
    from mixcore.runtime.tables import Table

PHASE = "main"
"""The phase of a mix without phases."""
MAX_LEAVES = 10_000
"""Leaves a mix may have; their totals are held by the driver."""


def _params(run: Run) -> tuple[Any, tuple[str, ...]]:
    recipe = run.recipe
    dump = recipe.model_dump(mode="json", include={"mix", "validation", "seed", "tokens"})
    domains = recipe.mix.domains if recipe.mix else {}
    params = {
        **dump,
        "sample": run.sample,
        "domains": {name: domain_sources(recipe, name, d) for name, d in domains.items()},
        "columns": used_columns(recipe),
    }
    reads = (*run.keys("score"), *run.keys("resolve"))
    return params, (*reads, *run.keys("ingest")) if reads_documents(recipe) else reads


def _build(run: Run) -> Iterator[tuple[Table, DataFrame]]:
    kept = run.scratch.keep(candidates(run), "candidates")
    limited = limited_clusters(kept, run.recipe, run.sample)
    if limited is not None:
        limited = run.scratch.keep(limited, "validation")
    rows = mark_held_out(kept, run.recipe, limited)
    allocation = _allocation(run, _totals(rows))
    rows = rows.where(F.col("stratum").isNotNull() & ~F.col("held")).select(
        "stratum", select_order(run.recipe.seed).alias("order"), F.col("doc_id").alias("id"),
        "units", "n_tokens", "score_bucket",
    )  # fmt: skip
    cuts = _cuts(run, rows, allocation)
    yield MIXTURE_CUTOFFS, _cutoff_rows(run, allocation, cuts)
    check_achieved(
        (Achieved(a.path, a.target, _achieved(a, cuts[a.path]), cuts[a.path].boundary)
         for a in allocation.leaves),
        run.recipe.stop_if.off_target,
    )  # fmt: skip
    yield MIXTURE, _mixture(run, rows, cuts)
    _recount(run, allocation, cuts)


# ---- what there is ----------------------------------------------------------------------------


def _totals(rows: DataFrame) -> dict[str, dict[str, int]]:
    """Units available by domain and leaf, after validation; refuses overlapping domains."""
    free = F.col("stratum").isNotNull() & ~F.col("held")
    found = (
        rows.groupBy("domain", "stratum", "overlap")
        .agg(
            F.coalesce(F.sum(F.when(free, F.col("units"))), F.lit(0)).alias("units"),
            F.count(F.lit(1)).alias("n"),
            F.min("doc_id").alias("example"),
        )
        .limit(MAX_LEAVES + 1)
        .collect()  # a row a leaf, bounded
    )
    if len(found) > MAX_LEAVES:
        raise ContractError(
            f"the mix has more than {MAX_LEAVES:,} leaf domains",
            where="mix.domains",
            fix="divide by a column with fewer values, or list the values in `weights`",
        )
    overlaps: dict[str, tuple[int, int]] = {}
    for row in found:
        if row["overlap"] is not None:
            n, example = overlaps.get(row["overlap"], (0, row["example"]))
            overlaps[row["overlap"]] = (n + row["n"], min(example, row["example"]))
    if overlaps:
        shown = [
            f"    {names}: {n:,} documents, e.g. doc_id {example}"
            for names, (n, example) in sorted(overlaps.items())
        ]
        raise ContractError(
            "documents lie in several domains\n" + "\n".join(shown[:20]),
            where="mix.domains",
            fix="make `sources` and `where` of these domains exclude each other",
        )
    out: dict[str, dict[str, int]] = {}
    for row in found:
        if row["stratum"] is not None:
            out.setdefault(row["domain"], {})[row["stratum"]] = int(row["units"])
    return out


# ---- how much of it ---------------------------------------------------------------------------


def _allocation(run: Run, available: dict[str, dict[str, int]]) -> Allocation:
    mix, scale = run.recipe.mix, run.sample or 1.0
    if mix is None:
        leaves = [
            LeafAmount(path, name, n, n)
            for name, sizes in sorted(available.items())
            for path, n in sorted(sizes.items())
        ]
        return Allocation(tuple(leaves), None)
    unit = budget_unit(run.recipe)
    for name, domain in mix.domains.items():
        if domain.tokens is not None and unit != "tokens":
            raise RecipeError(
                f"an amount in tokens inside a budget in {unit}",
                where=f"mix.domains.{name}",
                value=domain.tokens,
                fix="give the budget in tokens, or this domain by weight or epochs",
            )
    budget: int | None = None
    if mix.budget is not None and mix.budget.fraction is not None:
        there = sum(sum(sizes.values()) for sizes in available.values())
        budget = int(exact(mix.budget.fraction) * there)
    elif mix.budget is not None:
        amount = mix.budget.tokens or mix.budget.bytes or mix.budget.documents or 0.0
        budget = max(1, round(exact(amount) * exact(scale)))
    return allocate(mix, available, budget, scale)


# ---- which documents --------------------------------------------------------------------------


def _cuts(run: Run, rows: DataFrame, allocation: Allocation) -> dict[str, Cut]:
    """The cut of every leaf with a target, by path."""
    parts = {a.path: whole_and_rest(a.target, a.available) for a in allocation.leaves}
    if run.recipe.mix is None:  # also documents without units are delivered
        parts = dict.fromkeys(parts, (1, 0))
    cuts = {path: Cut(path, full) for path, (full, _) in parts.items()}
    rests = {path: rest for path, (_, rest) in parts.items() if rest}
    if rests:
        found = cut_points(rows, targets_frame(run.spark, rests), bits=bin_bits(len(rests)))
        for row in found.collect():  # a row a leaf
            path = row["stratum"]
            cuts[path] = Cut(
                path, parts[path][0], row["hash"], row["id"], row["taken"], row["boundary"]
            )
    return cuts


def _cutoff_rows(run: Run, allocation: Allocation, cuts: dict[str, Cut]) -> DataFrame:
    rows = []
    for leaf in allocation.leaves:
        cut = cuts[leaf.path]
        achieved = _achieved(leaf, cut)
        epochs = achieved / leaf.available if leaf.available else 0.0
        rows.append(
            (leaf.path, None, PHASE, leaf.available, leaf.target, achieved, epochs,
             (cut.full_epochs, cut.hash, cut.id), cut.boundary)
        )  # fmt: skip
    return small_frame(run.spark, rows, MIXTURE_CUTOFFS.schema)


def _achieved(leaf: LeafAmount, cut: Cut) -> int:
    return cut.full_epochs * leaf.available + cut.taken


def _mixture(run: Run, rows: DataFrame, cuts: dict[str, Cut]) -> DataFrame:
    wanted = [c for c in cuts.values() if c.full_epochs or c.hash is not None]
    return with_copies(rows, cuts_frame(run.spark, wanted)).select(
        F.col("id").alias("doc_id"),
        F.col("stratum").alias("domain"),
        F.lit(PHASE).alias("phase"),
        "copies",
        "n_tokens",
        "score_bucket",
        seeded_hash(run.recipe.seed, "order", "id").alias("order_hash"),
    )


# ---- checks -----------------------------------------------------------------------------------


def _check(run: Run) -> None:
    """The gate `off_target`, from the written cutoffs, after a reuse."""
    rows = run.output.read(MIXTURE_CUTOFFS).collect()  # a row a stratum
    strata = [Achieved(r["domain"], r["target"], r["achieved"], r["boundary"]) for r in rows]
    check_achieved(strata, run.recipe.stop_if.off_target)


def _recount(run: Run, allocation: Allocation, cuts: dict[str, Cut]) -> None:
    """Count the written mixture again: its sums must be those that the cuts promised."""
    unit = budget_unit(run.recipe)
    if unit == "bytes":  # not in the mixture; publish sees them
        return
    size = F.col("n_tokens") if unit == "tokens" else F.lit(1).cast("long")
    totals = run.output.totals(MIXTURE, F.col("domain"), units=F.col("copies") * size)
    found = {domain: sums["units"] for domain, sums in totals.items()}
    promised = {leaf.path: _achieved(leaf, cuts[leaf.path]) for leaf in allocation.leaves}
    wrong = {
        path: (amount, found.get(path, 0))
        for path, amount in promised.items()
        if amount != found.get(path, 0)
    }
    if wrong or set(found) - set(promised):
        raise ContractError(
            "the written mixture does not hold what its cutoffs promise (domain: promised, found)",
            where=run.output.location(MIXTURE),
            value=wrong or sorted(set(found) - set(promised)),
            fix="run again; if it stays, this is a defect: please report it",
        )


STAGE = OutputStage(
    name="mix",
    version=1,
    tables=(MIXTURE_CUTOFFS, MIXTURE),
    params=_params,
    build=_build,
    check=_check,
)
