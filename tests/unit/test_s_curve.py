"""The chance of comparison that `check` prints is the one that real edits of real text meet."""

from __future__ import annotations

from functools import cache

import pytest

from mixcore.text.bands import BandPlan, plan_bands
from mixcore.text.shingling import Shingling, letters_for
from tests.edits import BLOGS, measured_curve, near_copies, texts_of

N_PAIRS = 6_000
SIGMAS = 3.0
CHI_SQUARE = 45.3  # 99.9th percentile with 20 degrees of freedom
SCRIPTS = tuple(sorted(letters_for(5).items()))


@cache
def pairs():
    """Blog posts of at least 100 words, about three copies of each."""
    return near_copies(list(texts_of(BLOGS, min_words=100)), N_PAIRS, seed=1)


@pytest.mark.parametrize(
    ("how", "plan"),
    [
        (5, plan_bands(0.8, 0.99)),
        (5, BandPlan(14, 8)),
        (5, BandPlan(20, 7)),
        (5, BandPlan(26, 11)),
        (13, BandPlan(9, 13)),
        (Shingling("words", 5, SCRIPTS), BandPlan(14, 5)),
        (Shingling("chars", 24), BandPlan(20, 13)),
    ],
    ids=str,
)
def test_predicted_and_measured_curve_agree_at_each_twentieth(how, plan):
    points = measured_curve(*pairs(), how, plan)
    assert sum(p.n for p in points) == N_PAIRS
    assert sum(p.n >= 100 for p in points) >= 11  # copies cover most similarities
    for p in points:
        assert abs(p.found - p.expected) <= SIGMAS * p.sigma + 1, p
    chi_square = sum((p.found - p.expected) ** 2 / p.sigma**2 for p in points if p.sigma >= 1)
    assert chi_square < CHI_SQUARE


def test_a_wrong_prediction_is_seen():
    """The same copies do not fit a plan with one row more or with one band in five less."""
    plan = plan_bands(0.8, 0.99)
    points = measured_curve(*pairs(), 5, plan)
    for other in (BandPlan(plan.bands, plan.rows + 1), BandPlan(plan.bands * 4 // 5, plan.rows)):
        assert any(
            abs(p.found - p.n * other.recall(p.jaccard)) > SIGMAS * p.sigma + 1 for p in points
        )
