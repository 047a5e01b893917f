"""The best mixture under fitted laws: convex, so its distance from the optimum is known.

    minimise  sum_m a_m L_m(x) + lambda KL(x || natural)   with  low <= x <= high,  sum x = 1

SLSQP finds it; a duality gap (the most that any mixture within the limits could still gain along
the gradient) proves it. Where the gap is too large, exponentiated gradient steps finish the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, minimize

from mixcore.fitting.draws import Floats
from mixcore.fitting.loglinear import MAX_EXPONENT

KL_WEIGHT = 0.05
"""Olmix's lambda: how much a mixture must gain to leave the natural one."""
MAX_GAP = 1e-6
"""Proven distance from the best objective at which a solution is accepted."""
_TINY = 1e-12
_MAX_STEPS = 5_000


@dataclass(frozen=True)
class Problem:
    """What to minimise, and within which limits. Arrays have shape (domains,) but for `slopes`."""

    slopes: Floats
    """Of the laws, shape (metrics, domains)."""
    weights: Floats
    """Of the metrics, shape (metrics,); >= 0, which keeps the problem convex."""
    natural: Floats
    low: Floats
    high: Floats
    kl: float = KL_WEIGHT

    def objective(self, x: Floats) -> float:
        """Weighted loss above the asymptotes, plus the pull towards the natural mixture."""
        return float(self.weights @ self._excess(x)) + self.kl * self._divergence(x)

    def gradient(self, x: Floats) -> Floats:
        """Of the objective."""
        out: Floats = (self.weights * self._excess(x)) @ self.slopes
        if self.kl:
            seen = self.natural > 0
            ratio = np.maximum(x[seen], _TINY) / self.natural[seen]
            out[seen] += self.kl * (np.log(ratio) + 1.0)
        return out

    def _excess(self, x: Floats) -> Floats:
        out: Floats = np.exp(np.clip(self.slopes @ x, -MAX_EXPONENT, MAX_EXPONENT))
        return out

    def gap(self, x: Floats) -> float:
        """At least objective(x) - the smallest objective possible."""
        gradient = self.gradient(x)
        return float(gradient @ (x - cheapest(gradient, self.low, self.high)))

    def _divergence(self, x: Floats) -> float:
        seen = (x > 0) & (self.natural > 0)
        return float(np.sum(x[seen] * np.log(np.maximum(x[seen], _TINY) / self.natural[seen])))


@dataclass(frozen=True)
class Optimum:
    """A solution and how far from the best it can be."""

    x: Floats
    gap: float


def cheapest(costs: Floats, low: Floats, high: Floats) -> Floats:
    """The x within the limits, summing to 1, with the least costs . x: cheap domains are filled."""
    x = low.copy()
    left = 1.0 - x.sum()
    for j in np.argsort(costs, kind="stable"):
        more = min(high[j] - x[j], left)
        x[j] += more
        left -= more
    return x


def solve(problem: Problem, start: Floats | None = None) -> Optimum:
    """The optimum; `start` speeds it up and is brought within the limits first."""
    first = fill(problem.natural if start is None else start, problem.low, problem.high)
    found = minimize(
        problem.objective, first, jac=problem.gradient, method="SLSQP",
        bounds=list(zip(problem.low, problem.high, strict=True)),
        constraints=[{"type": "eq", "fun": lambda x: x.sum() - 1.0, "jac": np.ones_like}],
        options={"maxiter": 500, "ftol": 1e-12},
    )  # fmt: skip
    x = fill(np.maximum(found.x, 0.0), problem.low, problem.high)
    if problem.objective(x) > problem.objective(first):
        x = first
    gap = problem.gap(x)
    if gap > MAX_GAP:
        x = _descend(problem, x)
        gap = problem.gap(x)
    return Optimum(x, gap)


def _descend(problem: Problem, x: Floats) -> Floats:
    """Exponentiated gradient with a step that grows while it helps and shrinks when it does not."""
    step, value = 1.0, problem.objective(x)
    for _ in range(_MAX_STEPS):
        gradient = problem.gradient(x)
        if float(gradient @ (x - cheapest(gradient, problem.low, problem.high))) <= MAX_GAP:
            break
        moved = np.maximum(x, _TINY) * np.exp(-step * (gradient - gradient.min()))
        tried = fill(moved, problem.low, problem.high)
        tried_value = problem.objective(tried)
        if tried_value < value:
            x, value, step = tried, tried_value, step * 1.5
        else:
            step /= 3.0
            if step < _TINY:
                break
    return x


def fill(weights: Floats, low: Floats, high: Floats) -> Floats:
    """Water-filling: clip(s * weights, low, high) with the s that makes it sum to 1.

    It is the nearest mixture within the limits in the sense of KL divergence. Domains of weight 0
    take part only if the others cannot hold everything.
    """
    weights = np.where(high > 0, weights, 0.0)
    if np.where(weights > 0, high, low).sum() < 1.0:
        weights = np.where(high > 0, np.maximum(weights, _TINY * max(weights.max(), _TINY)), 0.0)
    under, over = 0.0, 1.0 / max(weights.sum(), _TINY)
    while np.clip(over * weights, low, high).sum() < 1.0 and over < 1e300:
        under, over = over, over * 4.0
    for _ in range(200):
        middle = 0.5 * (under + over)
        if np.clip(middle * weights, low, high).sum() < 1.0:
            under = middle
        else:
            over = middle
    x: Floats = np.clip(over * weights, low, high)
    free = (x > low) & (x < high)
    if free.any():  # the last bits of the bisection
        x[free] += (1.0 - x.sum()) * x[free] / x[free].sum()
    return x


def outside(x: Floats, ratios: Floats) -> float:
    """How far a mixture lies from what was tried: 0 within the convex hull of the runs.

    Args:
        x: The mixture, shape (domains,).
        ratios: The runs, shape (runs, domains).

    Returns:
        Share of the mixture to move (total variation) to the nearest mean of runs.
    """
    n, m = ratios.shape
    # Variables: a weight a run, and what is over and under in each domain.
    costs = np.concatenate([np.zeros(n), np.full(2 * m, 0.5)])
    equal = np.zeros((m + 1, n + 2 * m))
    equal[:m, :n] = ratios.T
    equal[:m, n : n + m] = np.eye(m)
    equal[:m, n + m :] = -np.eye(m)
    equal[m, :n] = 1.0
    found = linprog(costs, A_eq=equal, b_eq=np.concatenate([x, [1.0]]), method="highs")
    return float(found.fun)
