"""RegMix's own regression, gradient-boosted trees, as an alternative to the log-linear law.

Needs the extra `lightgbm`. With a few hundred runs it ranks unseen mixtures a little better than
the log-linear law, with a few dozen much worse (README). Trees see no trend beyond the runs and
have no gradient: the optimum is the mean of the best of many drawn mixtures, as RegMix does it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixcore.fitting.draws import Floats, dirichlet
from mixcore.runtime.errors import RecipeError

PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "boosting_type": "gbdt",
    "metric": "l2",
    "learning_rate": 0.01,
    "seed": 42,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
"""RegMix's, with one thread and fixed row order for equal results everywhere."""
N_TREES = 1_000
"""Without early stopping: RegMix stops on its test set, which is not there in practice."""
N_DRAWS = 100_000
N_BEST = 128
"""RegMix: the mean of the 128 best of 100,000 draws around the prior."""


@dataclass(frozen=True)
class Trees:
    """A fitted ensemble for one metric."""

    booster: Any

    def predict(self, ratios: Floats) -> Floats:
        """Losses of mixtures, shape (rows, domains) -> (rows,)."""
        return np.asarray(self.booster.predict(ratios), dtype=np.float64)


def fit_trees(ratios: Floats, losses: Floats) -> Trees:
    """Fit one metric.

    Raises:
        RecipeError: The package is not installed; names the extra.
    """
    try:
        lightgbm = importlib.import_module("lightgbm")
    except (ImportError, OSError) as error:  # OSError: libgomp is missing
        raise RecipeError(
            "--method lightgbm needs the package lightgbm", where="mixcore fit", value=str(error),
            fix="pip install 'mixcore[lightgbm]', or leave --method at loglinear",
        ) from error  # fmt: skip
    data = lightgbm.Dataset(ratios, label=losses)
    return Trees(lightgbm.train(PARAMETERS, data, num_boost_round=N_TREES))


def best_of_draws(
    loss: Callable[[Floats], Floats],
    natural: Floats,
    names: tuple[str, ...],
    low: Floats,
    high: Floats,
    seed: int,
) -> Floats:
    """The mean of the best drawn mixtures within the limits.

    Args:
        loss: Weighted predicted loss of mixtures, (rows, domains) -> (rows,).
        natural: Prior of the draws, > 0 where `high` is.
        names: Of the domains.
        low: Least shares.
        high: Largest shares.
        seed: Names the draws.

    Raises:
        RecipeError: Too few draws keep the limits.
    """
    live = np.flatnonzero((natural > 0) & (high > 0))
    alphas = np.tile(natural[live], (N_DRAWS, 1))
    draws = np.zeros((N_DRAWS, len(natural)))
    draws[:, live] = dirichlet(alphas, tuple(names[j] for j in live), seed, "best_of_draws")
    draws = draws[((draws >= low) & (draws <= high)).all(axis=1)]
    if len(draws) < N_BEST:
        raise RecipeError(
            f"only {len(draws)} of {N_DRAWS:,} draws keep the limits", where="--min, --max",
            fix="wider limits, or --method loglinear, which needs no draws",
        )  # fmt: skip
    best = np.argsort(loss(draws), kind="stable")[:N_BEST]
    out: Floats = draws[best].mean(axis=0)
    return out
