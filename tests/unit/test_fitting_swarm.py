"""Swarms: RegMix's rules hold for what is written, and a larger swarm begins with the smaller."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mixcore.fitting.draws import dirichlet, indices, uniforms
from mixcore.fitting.swarm import UNITS, SwarmPlan, draw_swarm
from mixcore.runtime.errors import RecipeError
from tests.regmix import pile_sizes

THREE = {"web": 70.0, "code": 20.0, "books": 10.0}


def swarm(sizes: dict[str, float] = THREE, n: int = 50, **more: Any) -> Any:
    return draw_swarm(SwarmPlan(sizes, n, **more))


def test_regmix_rules() -> None:
    drawn = swarm(pile_sizes(), 512)
    natural = np.array(list(pile_sizes().values()))
    assert drawn.units.shape == (512, 17)
    assert (drawn.units.sum(axis=1) == UNITS).all()
    assert (drawn.units >= 0).all()
    assert (drawn.ratios <= np.minimum(15 * natural / natural.sum(), 1) + 1e-12).all()
    assert len({row.tobytes() for row in drawn.units}) == 512
    assert drawn.warnings == ()


@settings(max_examples=25, deadline=None)
@forall(
    st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
    st.integers(1, 40),
    st.integers(0, 2**40),
    st.sampled_from([1.0, 2.0]),
)
def test_rows_sum_to_one_and_larger_swarms_begin_with_smaller_ones(
    sizes: list[float], n: int, seed: int, temperature: float
) -> None:
    named = {f"d{i}": s for i, s in enumerate(sizes)}
    few = swarm(named, n, seed=seed, temperature=temperature)
    more = swarm(named, n + 7, seed=seed, temperature=temperature)
    assert (more.units.sum(axis=1) == UNITS).all()
    assert np.array_equal(more.units[:n], few.units)


def test_limits_hold_for_what_is_written() -> None:
    drawn = swarm(n=200, minimum={"books": 0.05}, maximum={"web": 0.5})
    web, _, books = drawn.ratios.T
    assert web.max() <= 0.5
    assert books.min() >= 0.05
    assert web.std() > 0.05


def test_the_order_of_domains_changes_nothing() -> None:
    turned = swarm(dict(reversed(THREE.items())), 500, temperature=1.0)
    straight = swarm(THREE, 500, temperature=1.0)
    assert (
        abs(turned.units[:, ::-1] - straight.units).max() <= 1
    )  # equal remainders go to the earlier domain


def test_another_seed_gives_another_swarm_and_the_same_seed_the_same() -> None:
    assert np.array_equal(swarm(seed=1).units, swarm(seed=1).units)
    assert not np.array_equal(swarm(seed=1).units, swarm(seed=2).units)
    # Written down, so that another version of numpy or scipy that draws otherwise is noticed.
    assert swarm(n=2).units.tolist() == [[4342, 20, 638], [113, 4430, 457]]


def test_a_domain_of_size_zero_is_in_no_run() -> None:
    drawn = swarm({**THREE, "papers": 0.0})
    assert not drawn.units[:, 3].any()
    assert drawn.warnings == ()


def test_too_few_runs_are_noted() -> None:
    (warning,) = swarm(pile_sizes(), 53).warnings
    assert "53 runs for 17 domains: a fit needs at least 54" in warning
    assert swarm(pile_sizes(), 54).warnings == ()


def test_ratios_csv_says_the_ratios_exactly() -> None:
    drawn = swarm(n=12)
    head, *rows = csv.reader(io.StringIO(drawn.to_csv()))
    assert head == ["run", "web", "code", "books"]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 13)]
    assert [[round(float(v) * UNITS) for v in row[1:]] for row in rows] == drawn.units.tolist()


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"minimum": {"wbe": 0.1}}, "a limit names no domain"),
        ({"minimum": {"web": 0.6}, "maximum": {"web": 0.5}}, "minimum lies above"),
        ({"minimum": {"web": 0.6, "code": 0.4}}, "no mixture keeps the limits"),
        ({"max_usage": 0.9}, "maxima to 0.9"),
        ({"max_usage": 1.0001}, "candidates found"),
        ({"n": 0}, "above 0"),
        ({"sizes": {"web": 1.0}}, "one domain has one mixture"),
    ],
)
def test_refusals(more: dict[str, Any], part: str) -> None:
    with pytest.raises(RecipeError, match=part):
        swarm(**more)


# ---- draws ------------------------------------------------------------------------------------


def test_dirichlet_has_the_moments_of_the_distribution() -> None:
    alphas = np.array([0.02, 0.5, 3.0])
    x = dirichlet(np.tile(alphas, (40_000, 1)), ("a", "b", "c"), 7, "moments")
    total = alphas.sum()
    mean = alphas / total
    assert x.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert x.mean(axis=0) == pytest.approx(mean, abs=0.004)
    assert x.var(axis=0) == pytest.approx(mean * (1 - mean) / (total + 1), rel=0.15)


def test_tiny_parameters_do_not_underflow() -> None:
    x = dirichlet(np.full((1000, 3), 1e-6), ("a", "b", "c"), 7, "tiny")
    assert np.isfinite(x).all()
    assert x.max(axis=1) == pytest.approx(1.0)
    assert (x.argmax(axis=1) == 1).mean() == pytest.approx(1 / 3, abs=0.05)


def test_uniform_numbers_and_indices() -> None:
    u = uniforms(50_000, 3, "u")
    assert ((u > 0) & (u < 1)).all()
    assert u.mean() == pytest.approx(0.5, abs=0.005)
    k = indices(50_000, 7, 3, "k")
    assert np.bincount(k, minlength=7) / 50_000 == pytest.approx(1 / 7, abs=0.006)
