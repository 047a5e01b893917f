"""The log-linear law of data mixing: L(r) = exp(c) + exp(r . t), fitted by variable projection.

Data Mixing Laws (arXiv:2403.16952) and Olmix (arXiv:2602.12237) use it; their constant factor
folds into t, since the ratios of a run sum to 1. For a given asymptote exp(c) the best t of the
logarithms is a linear least squares problem, so a grid over the asymptote alone gives starting
points next to the optimum. The best of them are polished on the summed Huber loss.

Published code starts torch's L-BFGS from hundreds of random points. Here polishing is a damped
Gauss-Newton iteration with Huber weights: some ten times faster than L-BFGS-B from the same
points, to the same loss (a test compares them), and without random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixcore.fitting.draws import Floats

GRID_POINTS = 60
"""Asymptotes tried, evenly spaced within (0, smallest loss)."""
N_POLISHED = 5
HUBER_DELTA = 0.02
"""Residuals above it count linearly (Olmix; the law's authors use 0.01-0.05)."""
MAX_EXPONENT = 30.0
"""Exponents are clipped to +-30: no overflow, however wild a start."""
_MAX_STEPS = 500
_MAX_DAMPING_TRIES = 30
_TOLERANCE, _WARM_TOLERANCE = 1e-12, 1e-8
"""Relative decrease of the loss at which polishing ends; resamples need no more than the second."""


@dataclass(frozen=True)
class LogLinear:
    """A fitted law of one metric."""

    log_asymptote: float
    slopes: Floats
    """t, shape (domains,). Lower: more of this domain lowers the loss."""
    huber: float
    """Summed Huber loss at the fit."""

    def predict(self, ratios: Floats) -> Floats:
        """Losses of mixtures, shape (rows, domains) -> (rows,)."""
        out: Floats = np.exp(self.log_asymptote) + self.excess(ratios)
        return out

    def excess(self, ratios: Floats) -> Floats:
        """Losses above the asymptote: exp(r . t)."""
        out: Floats = np.exp(np.clip(ratios @ self.slopes, -MAX_EXPONENT, MAX_EXPONENT))
        return out


def fit_log_linear(ratios: Floats, losses: Floats, warm: LogLinear | None = None) -> LogLinear:
    """Fit one metric; deterministic.

    A domain that no run has counts like the worst of the others: nothing is known of it.

    Args:
        ratios: Shape (runs, domains), rows summing to 1.
        losses: Shape (runs,), all > 0.
        warm: A fit of nearly the same runs: polished beside one start of the grid only.
    """
    starts = _grid(ratios, losses)
    values = [_huber(_predict(p, ratios) - losses) for p in starts]
    best = np.argsort(values, kind="stable")[: N_POLISHED if warm is None else 1]
    chosen = [starts[i] for i in best]
    if warm is not None:
        chosen.append(np.concatenate([[warm.log_asymptote], warm.slopes]))
    tolerance = _TOLERANCE if warm is None else _WARM_TOLERANCE
    polished = [_polish(p, ratios, losses, tolerance) for p in chosen]
    point, value = min(polished, key=lambda found: found[1])
    slopes, seen = point[1:], ratios.any(axis=0)
    slopes[~seen] = slopes[seen].max()
    return LogLinear(float(point[0]), slopes, value)


def _predict(point: Floats, ratios: Floats) -> Floats:
    exponent = np.clip(ratios @ point[1:], -MAX_EXPONENT, MAX_EXPONENT)
    out: Floats = np.exp(min(float(point[0]), MAX_EXPONENT)) + np.exp(exponent)
    return out


def _huber(residuals: Floats) -> float:
    size = np.abs(residuals)
    small = size <= HUBER_DELTA
    parts = np.where(small, 0.5 * size**2, HUBER_DELTA * (size - 0.5 * HUBER_DELTA))
    return float(parts.sum())


def _grid(ratios: Floats, losses: Floats) -> Floats:
    """Starting points (c, t), a row for each asymptote: one pseudo-inverse serves them all."""
    asymptotes = losses.min() * (np.arange(GRID_POINTS) + 0.5) / GRID_POINTS
    logs = np.log(losses[:, None] - asymptotes[None, :])
    slopes = np.linalg.pinv(ratios) @ logs
    return np.column_stack([np.log(asymptotes), slopes.T])


def _polish(
    point: Floats, ratios: Floats, losses: Floats, tolerance: float
) -> tuple[Floats, float]:
    """Damped Gauss-Newton on the Huber loss (Levenberg-Marquardt on reweighted squares).

    Every step lowers the loss, or the damping grows until it does; so it ends, and never worse
    than it began.
    """
    damping = 1e-3
    value = _huber(_predict(point, ratios) - losses)
    for _ in range(_MAX_STEPS):
        excess = np.exp(np.clip(ratios @ point[1:], -MAX_EXPONENT, MAX_EXPONENT))
        asymptote = np.exp(point[0])
        residuals = asymptote + excess - losses
        weights = np.minimum(1.0, HUBER_DELTA / np.maximum(np.abs(residuals), HUBER_DELTA))
        slope = np.column_stack([np.full(len(losses), asymptote), excess[:, None] * ratios])
        weighted = slope * weights[:, None]
        normal, gradient = slope.T @ weighted, weighted.T @ residuals
        diagonal = np.diag(np.diag(normal) + 1e-12)
        for _ in range(_MAX_DAMPING_TRIES):
            tried = point - np.linalg.solve(normal + damping * diagonal, gradient)
            tried_value = _huber(_predict(tried, ratios) - losses)
            if tried_value < value:
                break
            damping *= 4.0
        else:
            return point, value
        damping = max(damping / 5.0, 1e-12)
        is_done = value - tried_value <= tolerance * value
        point, value = tried, tried_value
        if is_done:
            break
    return point, value
