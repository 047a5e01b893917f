"""Exact overlap against Python sets."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.bands import plan_bands
from mixcore.text.jaccard import exact_overlap, rejection_bound, sketch_estimate
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes

DATA = Path(__file__).parents[1] / "data"

SETS = st.lists(st.sets(st.integers(1, 30) | st.integers(2**63, 2**64 - 1), max_size=20),
                min_size=1, max_size=8)  # fmt: skip


@settings(deadline=None)  # the first call compiles
@given(SETS)
def test_overlap_equals_that_of_python_sets(sets):
    hashes = np.array([h for s in sets for h in sorted(s)], np.uint64)
    offsets = np.cumsum([0, *map(len, sets)])
    left, right = (g.ravel() for g in np.mgrid[: len(sets), : len(sets)])
    got = exact_overlap(hashes, offsets, left, right)
    for p, (i, j) in enumerate(zip(left, right, strict=True)):
        a, b = sets[i], sets[j]
        common = len(a & b)
        assert got.jaccard[p] == (common / len(a | b) if a | b else 0)
        assert got.containment_a[p] == (common / len(a) if a else 0)
        assert got.containment_b[p] == (common / len(b) if b else 0)


def test_no_pairs():
    none = np.zeros(0, np.int64)
    got = exact_overlap(np.zeros(0, np.uint64), np.zeros(1, np.int64), none, none)
    assert len(got.jaccard) == 0


@pytest.mark.parametrize(("equal", "estimate"), [(64, 1.0), (0, -1 / 255), (32, 0.49804)])
def test_estimate_allows_for_bytes_that_agree_by_chance(equal, estimate):
    a = np.zeros((1, 64), np.uint8)
    b = np.ones((1, 64), np.uint8)
    b[0, :equal] = 0
    assert sketch_estimate(a, b)[0] == pytest.approx(estimate, abs=1e-5)


@pytest.mark.parametrize(("t", "bound"), [(0.8, 0.65), (0.5, 0.3125), (1.0, 1.0)])
def test_rejection_is_three_sigma_below_the_threshold(t, bound):
    assert rejection_bound(t) == pytest.approx(bound)


def test_natural_near_duplicates_have_their_true_jaccard_and_are_found():
    """All 123 pairs >= 0.5 of 3,021 blog posts, made by plain Python (`tests/data`)."""
    with gzip.open(DATA / "gov_blogs_cc0.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    with gzip.open(DATA / "truth_gov_blogs.csv.gz", "rt", encoding="utf-8") as lines:
        truth = list(csv.DictReader(lines))
    row = {d["id"]: i for i, d in enumerate(documents)}
    left = np.array([row[t["id1"]] for t in truth])
    right = np.array([row[t["id2"]] for t in truth])
    text = pa.array([d["text"] for d in documents])

    offsets, hashes = shingle_hashes(text, 5)
    jaccard = exact_overlap(hashes, offsets, left, right).jaccard
    four_decimals = np.array([float(t["jaccard_w5"]) for t in truth])
    assert np.abs(jaccard - four_decimals).max() < 0.5001e-4

    found = minhash(text, 5, plan_bands(0.8, 0.99))
    assert found.has_bands.all()
    meet = (found.band_keys[left] == found.band_keys[right]).any(axis=1)
    estimate = sketch_estimate(found.sketches[left], found.sketches[right])
    kept = meet & (estimate >= rejection_bound(0.8))
    assert kept[jaccard >= 0.8].all()
    assert np.abs(estimate - jaccard).max() < 0.25  # 4 sigma at J = 0.5
