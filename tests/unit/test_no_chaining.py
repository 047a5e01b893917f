"""From text to survivors with kernels alone: no chaining, no collapse of templates."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from mixcore.dedup.candidates import ALL_PAIRS_LIMIT, bucket_candidates
from mixcore.dedup.greedy import Documents, Edges, Hot, Resolution, resolve
from mixcore.dedup.verify import min_equal_slots
from mixcore.text.bands import BandPlan
from mixcore.text.jaccard import exact_overlap
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes
from tests.edits import BLOGS, texts_of

LIMIT = 0.8
PLAN = BandPlan(40, 3)  # finds all but 4e-13 of the pairs at 0.8: what is tested is what follows
WORDS = [w for text in texts_of(BLOGS, min_words=300) for w in text.split()]


@dataclass
class Found:
    kept: list[int]
    kept_by: dict[int, tuple[int, float]]
    """Removed document -> (its survivor, their Jaccard)."""
    cluster_sizes: list[int]
    n_candidates: int
    n_hot: int


def deduplicate(texts: list[str], order: list[int]) -> Found:
    """What `match` and `resolve` do, with `order` as the preference, best first."""
    n = len(texts)
    array = pa.array(texts)
    hashed = minhash(array, 5, PLAN)
    assert hashed.has_bands.all()
    keys, ids = hashed.band_keys.view(np.int64).ravel(), np.repeat(np.arange(n), PLAN.bands)
    sort = np.lexsort((ids, keys))
    pairs, hot = bucket_candidates(keys[sort], ids[sort])
    a, b = np.unique(np.stack(pairs), axis=1)
    min_equal = min_equal_slots(LIMIT)
    alike = (hashed.sketches[a] == hashed.sketches[b]).sum(axis=1) >= min_equal
    a, b = a[alike], b[alike]
    offsets, hashes = shingle_hashes(array, 5)
    jaccard = exact_overlap(hashes, offsets, a, b).jaccard
    real = jaccard >= LIMIT
    resolved: Resolution = resolve(
        Documents(
            np.array(order, np.int64), np.array(order, np.int64),
            np.zeros(n, np.int64), np.zeros(n, bool),
        ),
        Edges(a[real], b[real], jaccard[real]),
        Hot(hot[0], hot[1], np.arange(n), hashed.sketches, offsets, hashes, min_equal),
        LIMIT,
    )  # fmt: skip
    gone = {
        order[row]: (order[kept], float(j))
        for row, kept, j in zip(resolved.row, resolved.kept, resolved.jaccard, strict=True)
        if kept >= 0
    }
    sizes = dict(zip(resolved.cluster_id.tolist(), resolved.cluster_size.tolist(), strict=True))
    return Found(
        [i for i in range(n) if i not in gone], gone, sorted(sizes.values()),
        len(pairs[0]), len(hot[0]),
    )  # fmt: skip


def similarity(texts: list[str]) -> np.ndarray:
    """Jaccard of all pairs, from Python sets."""
    words = [t.lower().split() for t in texts]
    sets = [{tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in words]
    return np.array([[len(x & y) / len(x | y) for y in sets] for x in sets])


def sequential(matrix: np.ndarray, order: list[int]) -> dict[int, int]:
    """The plain rule over all pairs: removed -> the best kept one before it that matches."""
    kept: list[int] = []
    gone: dict[int, int] = {}
    for doc in order:
        match = next((k for k in kept if matrix[doc, k] >= LIMIT), None)
        if match is None:
            kept.append(doc)
        else:
            gone[doc] = match
    return gone


def windows(n: int, step: int, size: int = 200) -> list[str]:
    words = [f"{w.lower().strip('_')}{i}" for i, w in enumerate(WORDS[: n * step + size])]
    clean = ["".join(c for c in w if c.isalnum()) for w in words]
    return [" ".join(clean[i * step : i * step + size]) for i in range(n)]


ORDERS = {
    "in order of the text": lambda n: list(range(n)),
    "backwards": lambda n: list(range(n))[::-1],
    "every second first": lambda n: [*range(0, n, 2), *range(1, n, 2)],
    "at random": lambda n: random.Random(5).sample(range(n), n),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    ("step", "reach"),
    [(16, 1), (8, 2), (5, 4)],  # neighbours up to `reach` have J >= 0.8, the rest less
)
def test_sliding_windows_keep_one_a_neighbourhood(step, reach, order):
    """All of it is one component; removing along components would keep one of 150."""
    texts = windows(150, step)
    matrix = similarity(texts)
    assert (matrix[0, 1 : reach + 1] >= LIMIT).all()
    assert matrix[0, reach + 1] < LIMIT
    rank = order(len(texts))
    found = deduplicate(texts, rank)
    assert found.cluster_sizes == [150]
    assert {doc: kept for doc, (kept, _) in found.kept_by.items()} == sequential(matrix, rank)
    for doc, (kept, jaccard) in found.kept_by.items():
        assert kept in found.kept
        assert jaccard == pytest.approx(matrix[doc, kept])
        assert abs(doc - kept) <= reach
    gaps = np.diff(found.kept)
    assert gaps.min() > reach  # no two survivors match
    assert gaps.max() <= 2 * reach + 1  # everything between them matches one of them


def test_windows_in_order_keep_every_other_one():
    found = deduplicate(windows(151, 16), list(range(151)))
    assert found.kept == list(range(0, 151, 2))


def framed(n: int, n_frame: int, n_own: int, seed: int) -> list[str]:
    """Documents of one template: a frame in two halves around `n_own` words of each's own."""
    frame = [f"frame{i}" for i in range(n_frame)]
    rng = random.Random(seed)
    return [
        " ".join([*frame[: n_frame // 2], *(f"own{rng.randrange(10**9)}" for _ in range(n_own)),
                  *frame[n_frame // 2 :]])
        for _ in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("n_frame", "n_own", "low", "high"),
    [(60, 60, 0.25, 0.35), (120, 40, 0.5, 0.6), (240, 40, 0.68, 0.78)],
)
def test_documents_of_one_template_with_other_content_all_stay(n_frame, n_own, low, high):
    texts = framed(150, n_frame, n_own, seed=n_frame)
    matrix = similarity(texts)
    others = matrix[~np.eye(len(texts), dtype=bool)]
    assert low < others.min() <= others.max() < high
    found = deduplicate(texts, list(range(len(texts))))
    assert found.kept_by == {}
    assert found.cluster_sizes == []
    assert found.n_candidates > 1000  # they do meet in buckets, and verification tells them apart
    assert found.n_hot == 0 or found.n_hot > ALL_PAIRS_LIMIT


def test_copies_among_documents_of_one_template_are_found_and_nothing_else():
    texts = framed(150, 240, 40, seed=1)
    copies = {len(texts) + i: i for i in range(20)}
    texts += [texts[i].replace("frame7 ", "other ") for i in copies.values()]
    found = deduplicate(texts, list(range(len(texts))))
    assert {doc: kept for doc, (kept, _) in found.kept_by.items()} == copies
    assert found.cluster_sizes == [2] * 20


def test_a_template_with_hardly_any_content_is_a_cluster():
    """By its own definition: J >= 0.8 of any two. One stays, and each removal matches it."""
    texts = framed(150, 400, 20, seed=2)
    found = deduplicate(texts, list(range(len(texts))))
    assert found.kept == [0]
    assert found.n_hot > ALL_PAIRS_LIMIT
    assert all(jaccard >= LIMIT for _, jaccard in found.kept_by.values())
