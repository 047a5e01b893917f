"""Which mixtures to train small models on: Dirichlet candidates around a prior.

The rules are RegMix's (arXiv:2407.01492 and its code): the prior flattened by a temperature, a
strength drawn from 15 between 0.1 and 5, no domain above 15 times its natural share, shares below
2e-4 become 0 and all are multiples of 2e-4. Three things are better here: rows sum to exactly 1
(RegMix's to .996-1.003), the limits hold for what is written and not only before rounding, and
candidates come in an order of their own, so that a larger swarm begins with the smaller one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mixcore.fitting.draws import Floats, Ints, dirichlet, indices
from mixcore.runtime.errors import RecipeError

UNITS = 5_000
"""Ratios are multiples of 1/5000 = 2e-4 (RegMix: 1 GB of tokens cannot hold finer ones)."""
STRENGTHS = tuple(float(s) for s in np.logspace(-1.0, np.log10(5.0), 15))
"""Concentrations of the Dirichlet; one is drawn for each candidate."""
MAX_USAGE = 15.0
"""A domain gets at most this many times its natural share."""
TEMPERATURE = 2.0
"""Exponent 1/2 on the prior, as RegMix; 1 leaves it as it is."""
TRIES_PER_RUN = 100
"""Candidates drawn for each one wanted, before the limits are called too tight."""
RUNS_PER_PARAMETER = 3
"""Olmix: at least 3 (domains + 1) runs."""
_BLOCK = 4_096


@dataclass(frozen=True)
class SwarmPlan:
    """What a swarm is drawn from."""

    sizes: Mapping[str, float]
    """Natural size of each domain, any unit."""
    n_runs: int
    seed: int = 42
    temperature: float = TEMPERATURE
    max_usage: float = MAX_USAGE
    minimum: Mapping[str, float] = field(default_factory=dict)
    """Least share of a domain; what is left above all minima is drawn."""
    maximum: Mapping[str, float] = field(default_factory=dict)
    """Largest share of a domain, where it is below `max_usage` times the natural one."""


@dataclass(frozen=True)
class Swarm:
    """Candidate mixtures, one a proxy run."""

    domains: tuple[str, ...]
    units: Ints
    """Shape (runs, domains), in 1/5000; every row sums to 5000."""
    tries: int
    """Candidates drawn to find them."""
    warnings: tuple[str, ...]

    @property
    def ratios(self) -> Floats:
        """Shape (runs, domains)."""
        out: Floats = self.units / float(UNITS)
        return out

    def to_csv(self) -> str:
        """`ratios.csv`: run (from 1), then a column a domain; four decimals say it exactly."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["run", *self.domains])
        writer.writerows(
            [i + 1, *(f"{v / UNITS:.4f}" for v in row)] for i, row in enumerate(self.units)
        )
        return out.getvalue()


def draw_swarm(plan: SwarmPlan) -> Swarm:
    """Draw a swarm.

    Raises:
        RecipeError: Unknown domains, limits that contradict each other, or limits so tight that
            fewer than one candidate in 100 keeps them; names the domain that refuses most.
    """
    names = tuple(plan.sizes)
    _check_plan(plan, names)
    natural = np.array([plan.sizes[n] for n in names], dtype=np.float64)
    natural /= natural.sum()
    prior = natural ** (1.0 / plan.temperature)
    prior /= prior.sum()
    low = np.array([plan.minimum.get(n, 0.0) for n in names])
    high = np.minimum(plan.max_usage * natural, 1.0)
    high = np.minimum(high, [plan.maximum.get(n, 1.0) for n in names])
    _check_room(names, low, high)
    live = np.flatnonzero(prior > 0)  # a domain of size 0 is in no candidate

    found: dict[bytes, Ints] = {}
    refused = np.zeros(len(names), dtype=np.int64)
    tries = 0
    while len(found) < plan.n_runs and tries < plan.n_runs * TRIES_PER_RUN:
        candidates = np.zeros((_BLOCK, len(names)))
        candidates[:, live] = _block(plan, tuple(names[j] for j in live), prior[live], tries)
        units = _rounded(low + (1.0 - low.sum()) * candidates, low)
        outside = (units > high * UNITS + 1e-9) | (units < low * UNITS - 1e-9)
        refused += outside.sum(axis=0)
        for i in np.flatnonzero(~outside.any(axis=1)):
            if len(found) < plan.n_runs:
                found.setdefault(units[i].tobytes(), units[i])
        tries += _BLOCK
    if len(found) < plan.n_runs:
        worst = int(np.argmax(refused))
        raise RecipeError(
            f"only {len(found)} of {plan.n_runs} candidates found in {tries:,} tries",
            where=f"limits of {names[worst]!r}",
            value=f"{refused[worst]:,} lie outside {low[worst]:.4g} .. {high[worst]:.4g}",
            fix="wider limits, a larger --max-usage, or fewer runs",
        )
    return Swarm(names, np.array(list(found.values())), tries, _warnings(plan, len(live)))


def _block(plan: SwarmPlan, names: tuple[str, ...], prior: Floats, begin: int) -> Floats:
    """Candidates `begin` .. `begin + _BLOCK - 1`, before minima and rounding."""
    purpose = f"swarm/{begin}"
    which = indices(_BLOCK, len(STRENGTHS), plan.seed, purpose, "strength")
    strength = np.array(STRENGTHS)[which]
    return dirichlet(strength[:, None] * prior[None, :], names, plan.seed, purpose)


def _rounded(shares: Floats, low: Floats) -> Ints:
    """Whole units by largest remainder: rows sum to `UNITS`, shares below one unit become 0."""
    kept = np.where((shares * UNITS < 1.0) & (low[None, :] * UNITS < 1.0), 0.0, shares)
    exact = kept / kept.sum(axis=1, keepdims=True) * UNITS
    units: Ints = np.floor(exact).astype(np.int64)
    missing = UNITS - units.sum(axis=1)
    # Only shares that are there may be rounded up; ties go to the earlier domain.
    order = np.argsort(np.where(kept > 0, units - exact, 1.0), axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    units += rank < missing[:, None]
    return units


def _warnings(plan: SwarmPlan, n_domains: int) -> tuple[str, ...]:
    wanted = RUNS_PER_PARAMETER * (n_domains + 1)
    if plan.n_runs >= wanted:
        return ()
    few = f"{plan.n_runs} runs for {n_domains} domains: a fit needs at least {wanted}"
    return (f"{few}, {RUNS_PER_PARAMETER} for each of its parameters",)


def _check_plan(plan: SwarmPlan, names: tuple[str, ...]) -> None:
    unknown = sorted((plan.minimum.keys() | plan.maximum.keys()) - set(names))
    if unknown:
        raise RecipeError(
            "a limit names no domain", where="--min, --max", value=unknown,
            fix="one of " + ", ".join(names),
        )  # fmt: skip
    if plan.n_runs < 1 or plan.temperature <= 0 or plan.max_usage <= 0:
        raise RecipeError(
            "runs, temperature and max usage are above 0", where="--runs, --temperature",
            value=(plan.n_runs, plan.temperature, plan.max_usage),
        )  # fmt: skip
    if len(names) < 2:
        raise RecipeError("one domain has one mixture", value=list(names), fix="two or more")


def _check_room(names: tuple[str, ...], low: Floats, high: Floats) -> None:
    crossed = [n for n, a, b in zip(names, low, high, strict=True) if not 0.0 <= a <= b]
    if crossed:
        raise RecipeError(
            "a minimum lies above the maximum (or above max usage x the natural share)",
            where="--min, --max, --max-usage", value=crossed, fix="another limit for these domains",
        )  # fmt: skip
    if low.sum() >= 1.0 or high.sum() < 1.0:
        raise RecipeError(
            "no mixture keeps the limits", where="--min, --max, --max-usage",
            value=f"minima sum to {low.sum():.4g}, maxima to {high.sum():.4g}",
            fix="minima below 1 in total, maxima above",
        )  # fmt: skip
