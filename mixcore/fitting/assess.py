"""How far a fit can be trusted: runs left out, and other samples of the runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from scipy.stats import rankdata

from mixcore.fitting.draws import Floats, Ints, indices

N_FOLDS = 10
"""Runs are left out a tenth at a time; one at a time where there are fewer than ten."""


class Law(Protocol):
    """What any regression offers: predicted losses of mixtures, (rows, domains) -> (rows,)."""

    def predict(self, ratios: Floats) -> Floats:
        """Losses of mixtures."""
        ...


Fitter = Callable[[Floats, Floats], Law]
"""(ratios, losses of one metric) -> a law."""


def spearman(a: Floats, b: Floats) -> float | None:
    """Rank correlation with mean ranks for ties; None if either is constant.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    ranks_a, ranks_b = rankdata(a) - (len(a) + 1) / 2, rankdata(b) - (len(b) + 1) / 2
    scale = float(np.sqrt((ranks_a @ ranks_a) * (ranks_b @ ranks_b)))
    return float(ranks_a @ ranks_b) / scale if scale else None


def folds(ids: Sequence[str], seed: int, n_folds: int = N_FOLDS) -> Ints:
    """The fold of each run, by the hash of its id: equal sizes, whatever the order of the runs."""
    hashes = [hashlib.sha256(f"{seed}/fold/{run}".encode()).digest() for run in ids]
    order = sorted(range(len(ids)), key=lambda i: (hashes[i], ids[i]))
    out = np.empty(len(ids), dtype=np.int64)
    out[order] = np.arange(len(ids)) % min(n_folds, len(ids))
    return out


def leave_out(ratios: Floats, losses: Floats, fold: Ints, fit: Fitter) -> Floats:
    """Predictions of every run by fits that have not seen it.

    Args:
        ratios: Shape (runs, domains).
        losses: Shape (runs, metrics).
        fold: Shape (runs,), from `folds`.
        fit: How a metric is fitted.

    Returns:
        Shape (runs, metrics).
    """
    out = np.empty_like(losses)
    for k in range(int(fold.max()) + 1):
        left_out = fold == k
        for j in range(losses.shape[1]):
            law = fit(ratios[~left_out], losses[~left_out, j])
            out[left_out, j] = law.predict(ratios[left_out])
    return out


def resamples(n_runs: int, n: int, seed: int) -> list[Ints]:
    """Indices of `n` bootstrap samples of the runs, drawn with replacement."""
    return [indices(n_runs, n_runs, seed, "bootstrap", str(b)) for b in range(n)]
