"""The log-linear law and its optimum, against planted truths, slow twins and RegMix's runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from mixcore.fitting import loglinear
from mixcore.fitting.assess import folds, leave_out, resamples, spearman
from mixcore.fitting.loglinear import HUBER_DELTA, LogLinear, fit_log_linear
from mixcore.fitting.optimum import MAX_GAP, Problem, cheapest, fill, outside, solve
from tests.regmix import PILE_CC, pile_sizes, regmix

# ---- published numbers ------------------------------------------------------------------------


def mean_spearman(n: int, test: str) -> tuple[float, float]:
    """Over 13 metrics, and of Pile-CC alone, after a fit of the first n runs."""
    train, unseen = regmix("train_1m").head(n), regmix(test)
    ranks = {}
    for j, name in enumerate(train.metrics):
        law = fit_log_linear(train.ratios, train.losses[:, j])
        ranks[name] = spearman(law.predict(unseen.ratios), unseen.losses[:, j])
    return float(np.mean(list(ranks.values()))), float(ranks[PILE_CC] or 0)


@pytest.mark.parametrize(
    ("n", "at_1m", "at_1b", "pile_cc_at_1b", "off_1m", "off_1b"),
    [
        (32, 0.848, 0.877, 0.970, 0.015, 0.015),
        (64, 0.934, 0.925, 0.989, 0.005, 0.005),
        (128, 0.961, 0.935, 0.989, 0.005, 0.005),
        (512, 0.973, 0.935, 0.986, 0.005, 0.005),
    ],
)
def test_spearman_on_regmix(
    n: int, at_1m: float, at_1b: float, pile_cc_at_1b: float, off_1m: float, off_1b: float
) -> None:
    assert mean_spearman(n, "test_1m")[0] == pytest.approx(at_1m, abs=off_1m)
    mean, pile_cc = mean_spearman(n, "test_1B")
    assert mean == pytest.approx(at_1b, abs=off_1b)
    assert pile_cc == pytest.approx(pile_cc_at_1b, abs=0.005)


def pile_problem(kl: float, high: float = 1.0) -> Problem:
    runs = regmix("train_1m")
    law = fit_log_linear(runs.ratios, runs.losses[:, runs.metrics.index(PILE_CC)])
    natural = np.array([pile_sizes()[name] for name in runs.domains])
    m = len(natural)
    return Problem(
        law.slopes[None, :], np.ones(1), natural / natural.sum(), np.zeros(m), np.full(m, high), kl
    )


def test_the_pull_towards_the_natural_mixture_on_regmix() -> None:
    pile_cc = regmix("train_1m").domains.index("the_pile_pile_cc")
    pulled = solve(pile_problem(0.05))
    assert pulled.x[pile_cc] == pytest.approx(0.588, abs=0.001)
    assert pulled.gap <= MAX_GAP
    assert outside(pulled.x, regmix("train_1m").ratios) == pytest.approx(0.0, abs=1e-9)
    # Without it everything goes into one domain, which no run has tried.
    free = solve(pile_problem(0.0))
    assert free.x[pile_cc] == pytest.approx(1.0, abs=1e-9)
    assert outside(free.x, regmix("train_1m").ratios) == pytest.approx(0.005, abs=1e-6)


# ---- the law ----------------------------------------------------------------------------------


def planted(
    n: int, m: int, seed: int, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray, LogLinear]:
    rng = np.random.RandomState(seed)
    ratios = rng.dirichlet(np.ones(m), n)
    law = LogLinear(float(np.log(rng.uniform(0.5, 2.5))), rng.uniform(-1.5, 1.0, m), 0.0)
    return ratios, law.predict(ratios) + noise * rng.standard_normal(n), law


@settings(max_examples=20, deadline=None)
@forall(st.integers(2, 8), st.integers(0, 1000))
def test_a_planted_law_is_found(m: int, seed: int) -> None:
    ratios, losses, _ = planted(20 * m, m, seed)
    fit = fit_log_linear(ratios, losses)
    unseen = np.random.RandomState(seed + 1).dirichlet(np.ones(m), 50)
    want = planted(20 * m, m, seed)[2].predict(unseen)
    assert fit.predict(unseen) == pytest.approx(want, abs=2e-3)


def huber_loss(point: np.ndarray, ratios: np.ndarray, losses: np.ndarray) -> float:
    """The definition, run by run."""
    total = 0.0
    for mixture, loss in zip(ratios, losses):
        exponent = max(-30.0, min(30.0, float(np.dot(mixture, point[1:]))))
        off = abs(np.exp(point[0]) + np.exp(exponent) - loss)
        small = off <= HUBER_DELTA
        total += 0.5 * off**2 if small else HUBER_DELTA * (off - 0.5 * HUBER_DELTA)
    return total


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_polishing_ends_where_l_bfgs_b_ends(seed: int) -> None:
    ratios, losses, _ = planted(40, 3, seed, noise=0.05)
    fit = fit_log_linear(ratios, losses)
    twins = [
        minimize(huber_loss, start, args=(ratios, losses), method="L-BFGS-B",
                 options={"maxiter": 5000, "maxfun": 50_000, "ftol": 1e-13, "gtol": 1e-9})
        for start in loglinear._grid(ratios, losses)[::20]
    ]  # fmt: skip
    best = min(twin.fun for twin in twins)
    assert fit.huber == pytest.approx(
        huber_loss(np.array([fit.log_asymptote, *fit.slopes]), ratios, losses)
    )
    assert fit.huber <= best * (1 + 1e-4)


def test_a_fit_is_the_same_every_time_and_needs_few_runs() -> None:
    runs = regmix("train_1m").head(5)  # fewer runs than domains
    one, two = (fit_log_linear(runs.ratios, runs.losses[:, 0]) for _ in range(2))
    assert one.log_asymptote == two.log_asymptote
    assert np.array_equal(one.slopes, two.slopes)
    assert np.isfinite(one.predict(regmix("test_1m").ratios)).all()


def test_a_domain_of_no_run_counts_like_the_worst() -> None:
    ratios, losses, _ = planted(60, 3, 4)
    fit = fit_log_linear(np.column_stack([ratios, np.zeros(60)]), losses)
    assert fit.slopes[3] == fit.slopes[:3].max()


def test_outliers_move_the_fit_little() -> None:
    ratios, losses, law = planted(100, 3, 5)
    spoilt = losses.copy()
    spoilt[:5] += 3.0
    unseen = np.random.RandomState(9).dirichlet(np.ones(3), 50)
    assert fit_log_linear(ratios, spoilt).predict(unseen) == pytest.approx(
        law.predict(unseen), abs=0.02
    )


# ---- the optimum ------------------------------------------------------------------------------


def grid(steps: int) -> np.ndarray:
    """All mixtures of three domains in steps."""
    pairs = itertools.product(range(steps + 1), repeat=2)
    return np.array([(a, b, steps - a - b) for a, b in pairs if a + b <= steps]) / steps


@settings(max_examples=30, deadline=None)
@forall(
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.05, 1.0]),
    st.lists(st.floats(0.34, 1.0), min_size=3, max_size=3),
    st.floats(0.0, 0.3),
)
def test_no_mixture_of_a_grid_is_better(
    seed: int, kl: float, high: list[float], low: float
) -> None:
    rng = np.random.RandomState(seed)
    problem = Problem(
        rng.uniform(-3, 3, (2, 3)), rng.uniform(0, 1, 2), rng.dirichlet(np.ones(3)),
        np.array([low, 0.0, 0.0]), np.array(high), kl,
    )  # fmt: skip
    found = solve(problem)
    assert found.x.sum() == pytest.approx(1.0, abs=1e-12)
    assert (found.x >= problem.low - 1e-12).all()
    assert (found.x <= problem.high + 1e-12).all()
    points = grid(60)
    allowed = ((points >= problem.low) & (points <= problem.high)).all(axis=1)
    best = min((problem.objective(x) for x in points[allowed]), default=np.inf)
    value = problem.objective(found.x)
    assert value <= best + 1e-6
    assert value - best <= 1e-6 + max(found.gap, 0)
    assert found.gap <= 2 * MAX_GAP


@forall(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.floats(0.5, 1)), min_size=2,
             max_size=6)
)  # fmt: skip
def test_fill_keeps_limits_and_ratios(rows: list[tuple[float, float, float]]) -> None:
    weights, low, high = (np.array(column) for column in zip(*rows))
    low = low / max(1.0, 2 * low.sum())
    x = fill(weights, low, high)
    assert x.sum() == pytest.approx(1.0, abs=1e-9)
    assert (x >= low - 1e-9).all()
    assert (x <= high + 1e-9).all()
    free = (x > low + 1e-9) & (x < high - 1e-9) & (weights > 1e-6)
    if free.sum() > 1:
        ratios = x[free] / weights[free]
        assert ratios == pytest.approx(ratios[0], rel=1e-6)


def test_cheapest_fills_the_cheap_first() -> None:
    x = cheapest(np.array([3.0, 1.0, 2.0]), np.array([0.1, 0.0, 0.0]), np.array([1.0, 0.5, 0.3]))
    assert x == pytest.approx([0.2, 0.5, 0.3])


@pytest.mark.parametrize(
    ("x", "want"),
    [([0.5, 0.5, 0.0], 0.0), ([0.6, 0.2, 0.2], 0.0), ([1.0, 0.0, 0.0], 0.2), ([0, 0, 1.0], 0.5)],
)
def test_distance_from_the_hull(x: list[float], want: float) -> None:
    runs = np.array([[0.8, 0.0, 0.2], [0.8, 0.2, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]])
    assert outside(np.array(x), runs) == pytest.approx(want, abs=1e-9)


# ---- assessment -------------------------------------------------------------------------------


def test_folds_are_even_and_follow_the_run() -> None:
    ids = [f"run{i}" for i in range(103)]
    fold = folds(ids, 42)
    assert np.bincount(fold).tolist() == [11, 11, 11, *[10] * 7]
    turned = folds(ids[::-1], 42)
    assert turned[::-1].tolist() == fold.tolist()
    assert sorted(folds(ids[:4], 42)) == [0, 1, 2, 3]


def test_left_out_runs_are_predicted_by_fits_without_them() -> None:
    class Mean:
        def __init__(self, value: float) -> None:
            self.value = value

        def predict(self, ratios: np.ndarray) -> np.ndarray:
            return np.full(len(ratios), self.value)

    losses = np.array([[1.0], [2.0], [6.0]])
    got = leave_out(np.eye(3), losses, np.array([0, 1, 2]), lambda _x, y: Mean(float(y.mean())))
    assert got.tolist() == [[4.0], [3.5], [1.5]]


def test_spearman() -> None:
    assert spearman(np.array([1.0, 1.0]), np.array([1.0, 2.0])) is None
    assert spearman(np.array([1.0, 2.0, 2.0]), np.array([5.0, 7.0, 7.0])) == pytest.approx(1.0)


def test_resamples_are_fixed_by_the_seed() -> None:
    one, two = resamples(50, 2, 1)
    assert one.tolist() == resamples(50, 1, 1)[0].tolist()
    assert one.tolist() != two.tolist()
    assert one.tolist() != resamples(50, 1, 2)[0].tolist()
    assert 25 <= len(set(one.tolist())) <= 40
