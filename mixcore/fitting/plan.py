"""What is wanted of a fit, and the limits that a mixture must keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, get_args

import numpy as np

from mixcore.fitting.draws import Floats, Ints
from mixcore.fitting.loglinear import LogLinear
from mixcore.fitting.optimum import KL_WEIGHT, Problem
from mixcore.fitting.runs import Runs
from mixcore.mixing.allocate import exact, waterfill
from mixcore.recipe.number import parse_number
from mixcore.runtime.errors import RecipeError

Method = Literal["loglinear", "lightgbm"]
METHODS: tuple[str, ...] = get_args(Method)
MAX_EPOCHS = 4.0
"""Repeats that cost little (arXiv:2305.16264); Olmix's cap."""
N_BOOTSTRAP = 100
WEIGHT_UNITS = 10_000
"""Weights are whole hundredths of a percent."""


@dataclass(frozen=True)
class FitPlan:
    """What is wanted of a fit."""

    target: Mapping[str, float] = field(default_factory=dict)
    """Weight by metric; empty: all alike."""
    sizes: Mapping[str, float] | None = None
    """Tokens (or relative size) by domain; None: unknown."""
    budget: float | None = None
    """Tokens planned, in the unit of `sizes`; with it, no domain gets more than `max_epochs`."""
    max_epochs: float = MAX_EPOCHS
    minimum: Mapping[str, float] = field(default_factory=dict)
    maximum: Mapping[str, float] = field(default_factory=dict)
    kl: float = KL_WEIGHT
    method: Method = "loglinear"
    n_bootstrap: int = N_BOOTSTRAP
    seed: int = 42


def fit_plan(*, method: str, budget: str | None, **more: Any) -> FitPlan:
    """A plan from values of a command line.

    Args:
        method: One of `METHODS`.
        budget: A number as people write it.
        more: Other fields of `FitPlan`.

    Raises:
        RecipeError: A value out of range.
    """
    number = None if budget is None else parse_number(budget.strip())
    plan = FitPlan(method=method, budget=number, **more)  # type: ignore[arg-type] # checked below
    for flag, value, is_right, fix in (
        ("--method", method, method in METHODS, "one of " + ", ".join(METHODS)),
        ("--budget", budget, budget is None or (number or 0) > 0, "a number above 0, e.g. 2e9"),
        ("--max-epochs", plan.max_epochs, plan.max_epochs > 0, "a number above 0"),
        ("--kl", plan.kl, 0 <= plan.kl < math.inf, "0 or more; 0.05 is usual"),
        ("--bootstrap", plan.n_bootstrap, plan.n_bootstrap >= 0, "0 for none"),
    ):
        if not is_right:
            raise RecipeError("not a value for this option", where=flag, value=value, fix=fix)
    return plan


@dataclass(frozen=True)
class Limits:
    """The natural mixture and the least and largest shares; arrays of shape (domains,)."""

    natural: Floats
    low: Floats
    high: Floats
    sizes: Floats | None

    @classmethod
    def of(cls, runs: Runs, plan: FitPlan) -> Limits:
        """Of a plan and the runs it is for.

        Raises:
            RecipeError: Unknown or missing domains; limits that no mixture keeps.
        """
        names = runs.domains
        for flag, given in (
            ("--sizes", plan.sizes),
            ("--min", plan.minimum),
            ("--max", plan.maximum),
        ):
            unknown = sorted(set(given or {}) - set(names))
            if unknown:
                raise RecipeError(
                    "no run has these domains", where=flag, value=unknown,
                    fix="the columns of the ratios are " + ", ".join(names),
                )  # fmt: skip
        sizes = None
        natural = runs.ratios.mean(axis=0)
        if plan.sizes is not None:
            missing = [n for n in names if n not in plan.sizes]
            if missing:
                raise RecipeError(
                    "domains without a size", where="--sizes", value=missing, fix="add them"
                )
            sizes = np.array([plan.sizes[n] for n in names])
            natural = sizes / sizes.sum()
        low = np.array([plan.minimum.get(n, 0.0) for n in names])
        high = np.array([plan.maximum.get(n, 1.0) for n in names])
        high[~runs.ratios.any(axis=0)] = 0.0  # never tried: nothing is known of it
        if plan.kl:
            high[natural == 0] = 0.0
        if plan.budget is not None:
            if sizes is None:
                raise RecipeError(
                    "a budget caps repeats only where sizes are known", where="--budget",
                    value=plan.budget, fix="give --sizes in the same unit",
                )  # fmt: skip
            if plan.max_epochs * sizes.sum() < plan.budget:
                raise RecipeError(
                    f"{plan.max_epochs:g} epochs of all domains are less than the budget",
                    where="--budget", value=plan.budget,
                    fix=f"at most {plan.max_epochs * sizes.sum():,.0f}, or a larger --max-epochs",
                )  # fmt: skip
            high = np.minimum(high, plan.max_epochs * sizes / plan.budget)
        crossed = [n for n, a, b in zip(names, low, high, strict=True) if not 0 <= a <= b]
        if crossed or low.sum() > 1 or high.sum() < 1 - 1e-12:
            raise RecipeError(
                "no mixture keeps the limits", where="--min, --max, --max-epochs",
                value=crossed or f"minima sum to {low.sum():.4g}, maxima to {high.sum():.4g}",
                fix="minima at most 1 in total and below the maxima; a domain that no run had, or "
                "of size 0, gets nothing",
            )  # fmt: skip
        return cls(natural, low, high, sizes)

    def problem(self, laws: list[LogLinear], weights: Floats, kl: float) -> Problem:
        """What to minimise, given laws."""
        slopes = np.array([law.slopes for law in laws])
        return Problem(slopes, weights, self.natural, self.low, self.high, kl)

    def unimax(self, plan: FitPlan) -> Floats | None:
        """UniMax's shares for the budget, or for one pass over everything."""
        if self.sizes is None:
            return None
        caps = {str(j): exact(plan.max_epochs) * exact(float(n)) for j, n in enumerate(self.sizes)}
        budget = exact(float(self.sizes.sum() if plan.budget is None else plan.budget))
        amounts = waterfill(dict.fromkeys(caps, Fraction(1)), caps, budget)
        total = sum(amounts.values(), Fraction(0))
        return np.array([float(amount / total) for amount in amounts.values()])


def rounded(x: Floats, low: Floats, high: Floats) -> Ints:
    """Whole `WEIGHT_UNITS` summing to the whole; rounding breaks no limit that allows it."""
    units = np.floor(x * WEIGHT_UNITS + 1e-9).astype(np.int64)
    units = np.maximum(units, np.ceil(low * WEIGHT_UNITS - 1e-9).astype(np.int64))
    while units.sum() != WEIGHT_UNITS:
        step = 1 if units.sum() < WEIGHT_UNITS else -1
        allowed = (
            units + step <= high * WEIGHT_UNITS if step > 0 else units - 1 >= low * WEIGHT_UNITS
        )
        if not allowed.any():
            allowed = units + step >= 0
        behind = np.where(allowed, step * (x * WEIGHT_UNITS - units), -np.inf)
        units[int(np.argmax(behind))] += step
    return units
