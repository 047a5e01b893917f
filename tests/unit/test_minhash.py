"""MinHash against datasketch 2.0, and the curves it promises."""

from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash

from mixcore.text.bands import BandPlan, plan_bands, plan_cost, recall_at
from mixcore.text.jaccard import sketch_estimate
from mixcore.text.minhash import (
    BLOCK,
    SKETCH_SLOTS,
    band_key,
    minhash,
    minima,
    permutations,
)
from mixcore.text.shingles import shingle_hashes
from tests.edits import BLOGS, texts_of


def signature(hashes, k):
    a, b = permutations(k)
    out = np.zeros(k, np.uint32)
    minima(hashes, len(hashes), a, b, np.zeros(BLOCK, np.uint32), out)
    return out


@pytest.mark.parametrize("k", [112, 176, 350])
@pytest.mark.parametrize("n", [0, 1, 5, 63, 64, 65, 300, BLOCK + 1])
def test_minima_are_bit_identical_to_datasketch(k, n):
    hashes = np.random.default_rng(n).integers(0, 2**64, n, dtype=np.uint64)
    peer = MinHash(num_perm=k, hashfunc=int, scheme="affine32")
    peer.update_batch([int(h) >> 32 for h in hashes])
    assert signature(hashes, k).tolist() == peer.hashvalues.tolist()


def test_batch_equals_shingles_permuted_one_document_at_a_time():
    plan = BandPlan(7, 3)
    texts = [
        "The quick brown fox jumps over the lazy dog",
        "too short",
        "",
        "été " * 40 + "ΟΔΟΣ 中文 five six seven eight",
        " ".join(str(i % 911) for i in range(9_000)),
    ]
    got = minhash(pa.array(texts), 5, plan)
    offsets, hashes = shingle_hashes(pa.array(texts), 5)
    assert got.n_shingles.tolist() == np.diff(offsets).tolist()
    assert got.has_bands.tolist() == [True, False, False, True, True]
    for row, doc in enumerate([0, 3, 4]):
        sig = signature(hashes[offsets[doc] : offsets[doc + 1]], 21 + SKETCH_SLOTS)
        assert got.band_keys[row].tolist() == [int(band_key(sig, j, 3)) for j in range(7)]
        assert got.sketches[row].tolist() == (sig[21:] & 255).tolist()


def test_what_pools_hold_does_not_change():
    """Else raise VERSION in mixcore.dedup.keys: stored bands would be taken for new ones."""
    digest = hashlib.sha256()
    text = pa.array([*islice(texts_of(BLOGS), 200), "", "ΟΔΟΣ İ 中文 a b c", "one two"])
    for array in (*minhash(text, 5, BandPlan(12, 5)), *shingle_hashes(text, 5)):
        digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest()[:16] == "974e3c1f4e731337"


def test_neighbours_and_slices_change_nothing():
    texts = [f"w{i} " * 3 + "one two three four five six" for i in range(20)]
    whole = minhash(pa.array(texts), 5, BandPlan(4, 4))
    part = minhash(pa.array(texts, pa.large_string()).slice(7, 5), 5, BandPlan(4, 4))
    assert np.array_equal(whole.band_keys[7:12], part.band_keys)
    assert np.array_equal(whole.sketches[7:12], part.sketches)


def test_equal_minima_give_other_keys_in_other_bands():
    same = np.full(30, 5, np.uint32)
    assert len({int(band_key(same, j, 3)) for j in range(10)}) == 10


def test_a_batch_without_documents():
    got = minhash(pa.array([], pa.string()), 5, BandPlan(4, 4))
    assert got.band_keys.shape == (0, 4)
    assert got.sketches.shape == (0, SKETCH_SLOTS)


def pairs_of(jaccard, n_union, n_pairs, rng, k):
    """Signatures of pairs of sets whose union has `n_union` members."""
    common = round(jaccard * n_union)
    left, right = [], []
    for _ in range(n_pairs):
        members = rng.integers(1, 2**64, n_union, dtype=np.uint64)
        cut = common + (n_union - common) // 2
        left.append(signature(members[:cut], k))
        right.append(signature(np.concatenate([members[:common], members[cut:]]), k))
    return np.array(left), np.array(right), common / n_union


@pytest.mark.parametrize("jaccard", [0.0, 0.3, 0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("n_union", [30, 300, 3000])
def test_sketch_estimate_is_unbiased_with_binomial_spread(jaccard, n_union):
    n_pairs = 400
    rng = np.random.default_rng(round(1000 * jaccard) + n_union)
    left, right, exact = pairs_of(jaccard, n_union, n_pairs, rng, SKETCH_SLOTS)
    estimate = sketch_estimate(left.astype(np.uint8), right.astype(np.uint8))
    # Low bytes agree by chance at 1/256: the spread is that of the agreement, not of J alone.
    agree = exact + (1 - exact) / 256
    sigma = np.sqrt(agree * (1 - agree) / SKETCH_SLOTS) * 256 / 255
    # One set of 64 permutations serves all pairs: their errors are not quite independent.
    assert abs(estimate.mean() - exact) <= 4 * sigma / np.sqrt(n_pairs) + 0.01 * (0 < exact < 1)
    # The low byte of a * m + b depends on that of m alone, so in small unrelated sets slots agree
    # by chance together: a little more spread, far below any threshold.
    assert estimate.std() <= 1.15 * sigma + (0.002 if exact == 0 else 1e-12)


@pytest.mark.parametrize(("bands", "rows"), [(12, 5), (14, 8)])
@pytest.mark.parametrize("jaccard", [0.5, 0.7, 0.8, 0.9])
def test_candidates_follow_the_s_curve(bands, rows, jaccard):
    n_pairs = 500
    rng = np.random.default_rng(bands + round(100 * jaccard))
    left, right, exact = pairs_of(jaccard, 300, n_pairs, rng, bands * rows)
    equal = (left == right).reshape(n_pairs, bands, rows).all(axis=2).any(axis=1)
    expected = recall_at(exact, bands, rows)
    assert abs(equal.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / n_pairs) + 0.01


@pytest.mark.parametrize(
    ("jaccard", "bands", "rows", "recall"),
    [(0.8, 14, 8, 0.924), (0.8, 450, 20, 0.995), (0.5, 14, 8, 0.053), (0.8, 9, 13, 0.399),
     (1.0, 1, 16, 1.0), (0.0, 99, 1, 0.0)],
)  # fmt: skip
def test_recall_of_published_presets(jaccard, bands, rows, recall):
    assert recall_at(jaccard, bands, rows) == pytest.approx(recall, abs=5e-4)


@pytest.mark.parametrize("min_jaccard", [0.5, 0.7, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("min_recall", [0.9, 0.99, 0.999])
def test_the_plan_meets_its_recall_and_none_is_cheaper(min_jaccard, min_recall):
    plan = plan_bands(min_jaccard, min_recall)
    assert plan.recall(min_jaccard) >= min_recall
    others = [BandPlan(b, r) for b in range(1, 257) for r in range(1, 17)]
    fit = [p for p in others if p.recall(min_jaccard) >= min_recall]
    assert plan_cost(plan) == min(plan_cost(p) for p in fit)


def test_the_default_plan():
    assert plan_bands(0.8, 0.99) == BandPlan(12, 5)


@pytest.mark.parametrize(
    ("bands", "rows", "plan"),
    [(14, 8, BandPlan(14, 8)), (None, 6, BandPlan(16, 6)), (14, None, BandPlan(14, 5))],
)
def test_what_the_user_fixes_is_kept(bands, rows, plan):
    assert plan_bands(0.8, 0.99, bands, rows) == plan


def test_an_impossible_plan_is_refused():
    with pytest.raises(ValueError, match="at most 1 bands"):
        plan_bands(0.5, 0.99, bands=1)
