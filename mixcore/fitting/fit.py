"""From proxy runs to weights, with everything needed to judge them.

Laws of the wanted metrics are fitted, the best mixture within the limits is found, and then
questioned: do the laws rank runs they have not seen, what would other runs have said, how much
better is it than sampling in proportion and than UniMax, was anything like it tried at all?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixcore.fitting.assess import Law, folds, leave_out, resamples, spearman
from mixcore.fitting.draws import Floats
from mixcore.fitting.loglinear import LogLinear, fit_log_linear
from mixcore.fitting.optimum import outside, solve
from mixcore.fitting.plan import WEIGHT_UNITS, FitPlan, Limits, rounded
from mixcore.fitting.runs import Runs
from mixcore.fitting.swarm import RUNS_PER_PARAMETER
from mixcore.fitting.trees import Trees, best_of_draws, fit_trees
from mixcore.runtime.errors import RecipeError

INTERVAL = (0.05, 0.95)
"""Quantiles of bootstrapped values that are shown."""
OUTSIDE_TOLERANCE = 1e-3
"""Share of the optimum outside the hull of the runs above which we warn; rounding stays below."""
MIN_GAIN = 1e-4
"""Share of a loss below which a gain is none: rounding weights moves the loss by as much."""
LOW_SPEARMAN = 0.8
"""Rank correlation below which we warn: RegMix's usable fits lie above .95."""


@dataclass(frozen=True)
class DomainFit:
    """One domain of the result; shares of the whole."""

    name: str
    share: float
    low: float | None
    """5 % of the bootstrapped optima lie below; None without a bootstrap."""
    high: float | None
    natural: float
    unimax: float | None
    tried: tuple[float, float]
    """Smallest and largest share among the runs."""


@dataclass(frozen=True)
class Gain:
    """How much lower the predicted target loss is than that of another mixture."""

    over: str
    loss: float
    """Of the other mixture."""
    gain: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Fit:
    """Weights and what speaks for and against them."""

    plan: FitPlan
    domains: tuple[DomainFit, ...]
    target: Mapping[str, float]
    """Weights of the metrics, summing to 1."""
    loss: float
    """Predicted at the result: weighted mean over the target."""
    spearman: Mapping[str, float | None]
    """Of left-out runs, by metric; `target` is their weighted mean's."""
    gains: tuple[Gain, ...]
    outside: float
    """Share of the result outside the convex hull of the runs."""
    gap: float | None
    """Proven distance from the best objective; None for trees."""
    n_runs: int
    fingerprint: str
    warnings: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float]:
        """Share by domain; multiples of 1e-4 that sum to 1."""
        return {d.name: d.share for d in self.domains}


def fit_mixture(runs: Runs, plan: FitPlan) -> Fit:
    """Fit, optimise and assess.

    Raises:
        RecipeError: Unknown metrics or domains, limits that no mixture keeps, LightGBM missing.
    """
    target = _target(runs, plan)
    limits = Limits.of(runs, plan)
    y = runs.losses[:, [runs.metrics.index(name) for name in target]]
    weights = np.array(list(target.values()))
    if plan.method == "lightgbm":
        trees = [fit_trees(runs.ratios, y[:, j]) for j in range(y.shape[1])]
        best, gap = _best_by_trees(runs, plan, limits, trees, weights), None
        resampled: list[tuple[Floats, list[LogLinear]]] = []
        laws: Sequence[Law] = trees
        left_out = leave_out(runs.ratios, y, folds(runs.ids, plan.seed), fit_trees)
    else:
        fitted = [fit_log_linear(runs.ratios, y[:, j]) for j in range(y.shape[1])]
        found = solve(limits.problem(fitted, weights, plan.kl))
        best, gap = found.x, found.gap
        resampled = _bootstrap(runs, plan, limits, y, weights, fitted, best)
        laws = fitted
        left_out = leave_out(runs.ratios, y, folds(runs.ids, plan.seed), fit_log_linear)
    shares = rounded(best, limits.low, limits.high) / WEIGHT_UNITS
    ranks = {n: spearman(y[:, j], left_out[:, j]) for j, n in enumerate(target)}
    ranks["target"] = spearman(y @ weights, left_out @ weights)
    lows, highs = _intervals([x for x, _ in resampled], len(runs.domains))
    unimax = limits.unimax(plan)
    domains = tuple(
        DomainFit(
            name, float(shares[j]), lows[j], highs[j], float(limits.natural[j]),
            None if unimax is None else float(unimax[j]),
            (float(runs.ratios[:, j].min()), float(runs.ratios[:, j].max())),
        )
        for j, name in enumerate(runs.domains)
    )  # fmt: skip
    references = {"mean of the runs": runs.ratios.mean(axis=0)}
    if unimax is not None:
        references = {"proportional": limits.natural, "UniMax": unimax}
    gains = tuple(
        _gain(name, x, shares, laws, [ls for _, ls in resampled], weights)
        for name, x in references.items()
    )
    fit = Fit(
        plan=plan, domains=domains, target=target, loss=_loss(laws, weights, shares),
        spearman=ranks, gains=gains, outside=outside(shares, runs.ratios), gap=gap,
        n_runs=len(runs.ids), fingerprint=runs.fingerprint, warnings=(),
    )  # fmt: skip
    return _with_warnings(fit, runs)


def _target(runs: Runs, plan: FitPlan) -> dict[str, float]:
    target = dict(plan.target) or dict.fromkeys(runs.metrics, 1.0)
    unknown = sorted(set(target) - set(runs.metrics))
    if unknown:
        raise RecipeError(
            "the target names no metric", where="--target", value=unknown,
            fix="one of " + ", ".join(runs.metrics),
        )  # fmt: skip
    total = sum(target.values())
    if total <= 0 or min(target.values()) < 0:
        raise RecipeError(
            "weights of metrics are 0 or more, and one is positive", where="--target", value=target,
            fix="to raise a metric, give 1 - it as a loss",
        )  # fmt: skip
    return {name: weight / total for name, weight in sorted(target.items()) if weight}


# ---- assessment -------------------------------------------------------------------------------


def _best_by_trees(
    runs: Runs, plan: FitPlan, limits: Limits, laws: list[Trees], weights: Floats
) -> Floats:
    def loss(x: Floats) -> Floats:
        out: Floats = np.column_stack([law.predict(x) for law in laws]) @ weights
        return out

    return best_of_draws(loss, limits.natural, runs.domains, limits.low, limits.high, plan.seed)


def _bootstrap(
    runs: Runs, plan: FitPlan, limits: Limits, y: Floats, weights: Floats,
    laws: list[LogLinear], best: Floats,
) -> list[tuple[Floats, list[LogLinear]]]:  # fmt: skip
    """Optimum and laws of every resample; both start from those of all runs."""
    out = []
    for rows in resamples(len(runs.ids), plan.n_bootstrap, plan.seed):
        again = [
            fit_log_linear(runs.ratios[rows], y[rows, j], warm=law) for j, law in enumerate(laws)
        ]
        out.append((solve(limits.problem(again, weights, plan.kl), best).x, again))
    return out


def _intervals(
    optima: list[Floats], n_domains: int
) -> tuple[list[float] | list[None], list[float] | list[None]]:
    if not optima:
        return [None] * n_domains, [None] * n_domains
    lows, highs = np.quantile(np.array(optima), INTERVAL, axis=0)
    return [float(v) for v in lows], [float(v) for v in highs]


def _loss(laws: Sequence[Law], weights: Floats, x: Floats) -> float:
    at = [float(law.predict(x[None, :])[0]) for law in laws]
    return float(weights @ np.array(at))


def _gain(
    over: str, other: Floats, shares: Floats, laws: Sequence[Law],
    resampled: Sequence[Sequence[Law]], weights: Floats,
) -> Gain:  # fmt: skip
    """Gain of the result over another mixture; the interval is that of this result."""
    at = _loss(laws, weights, other)
    gains = [_loss(ls, weights, other) - _loss(ls, weights, shares) for ls in resampled]
    low, high = (float(v) for v in np.quantile(gains, INTERVAL)) if gains else (None, None)
    return Gain(over, at, at - _loss(laws, weights, shares), low, high)


# ---- what to warn of --------------------------------------------------------------------------


def _with_warnings(fit: Fit, runs: Runs) -> Fit:
    out = list(runs.warnings)
    untried = [d.name for d in fit.domains if not d.tried[1]]
    if untried:
        out.append(f"no run has any of {', '.join(untried)}: they get nothing")
    beyond = [
        f"{d.name} {d.share:.2%} (runs: {d.tried[0]:.2%} .. {d.tried[1]:.2%})"
        for d in fit.domains
        if d.share > d.tried[1] + OUTSIDE_TOLERANCE or d.share < d.tried[0] - OUTSIDE_TOLERANCE
    ]
    if beyond:
        out.append("the optimum lies beyond every run in " + ", ".join(beyond))
    if fit.outside > OUTSIDE_TOLERANCE:
        out.append(
            f"the optimum lies outside the swarm: {fit.outside:.2%} of it is in no mean of runs; "
            "train runs near it, raise --kl, or set --max"
        )
    wanted = RUNS_PER_PARAMETER * (len(fit.domains) + 1)
    if fit.n_runs < wanted:
        out.append(
            f"{fit.n_runs} runs for {len(fit.domains)} domains; at least {wanted} are wanted"
        )
    weak = [f"{n} {'-' if r is None else f'{r:.2f}'}" for n, r in fit.spearman.items()
            if r is None or r < LOW_SPEARMAN]  # fmt: skip
    if weak:
        out.append("runs left out are ranked badly (Spearman): " + ", ".join(weak))
    out += [
        f"no sure gain over {gain.over}"
        for gain in fit.gains
        if gain.gain <= MIN_GAIN * gain.loss or (gain.low is not None and gain.low <= 0)
    ]
    if fit.plan.sizes is None:
        out.append(
            "no --sizes: the pull (--kl) is towards the mean of the runs, repeats are not capped, "
            "gains over proportional and UniMax are unknown"
        )
    return replace(fit, warnings=tuple(out))
