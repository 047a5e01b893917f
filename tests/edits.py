"""Near copies of real documents, of any similarity: what editors, templates and scrapers do."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mixcore.text.bands import BandPlan
from mixcore.text.jaccard import exact_overlap
from mixcore.text.minhash import minhash
from mixcore.text.shingles import shingle_hashes
from mixcore.text.shingling import Shingling

BLOGS = Path(__file__).parent / "data" / "gov_blogs_cc0.jsonl.gz"
STEP = 0.05

Words = list[str]


def texts_of(path: Path, min_words: int = 0) -> Iterator[str]:
    """Field `text` of a gzipped JSON lines file, of rows with enough words."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line).get("text") or ""
            if len(text.split()) >= min_words:
                yield text


# ---- edits: (random, words changed in place, words of another document) -------------------------


def replace(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    words[rng.randrange(len(words))] = rng.choice(other)


def insert(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    words.insert(rng.randrange(len(words) + 1), rng.choice(other))


def delete(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    if len(words) > 1:
        del words[rng.randrange(len(words))]


def move(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    start = rng.randrange(len(words))
    stretch = words[start : start + rng.randint(5, 20)]
    del words[start : start + len(stretch)]
    at = rng.randrange(len(words) + 1)
    words[at:at] = stretch


def append(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    start = rng.randrange(len(other))
    words += other[start : start + 10]


def wrap(rng: random.Random, words: Words, other: Sequence[str]) -> None:
    """A heading before and a line after, as a site's frame."""
    words[:0] = other[:5]
    words += other[-5:]


EDITS: dict[Callable[[random.Random, Words, Sequence[str]], None], float] = {
    replace: 1, insert: 1, delete: 1, move: 2.4, append: 1, wrap: 1,
}  # fmt: skip
"""Each breaks about as many of 5-word shingles as so many replaced words."""


def near_copy(rng: random.Random, text: str, other: str, jaccard: float) -> str:
    """`text`, edited until its similarity is about `jaccard` (0 < jaccard <= 1)."""
    words, foreign = text.split(), other.split()
    # Of W words e replaced ones leave a share q = exp(-5 e / W) of the shingles: J = q / (2 - q).
    room = -len(words) / 5 * math.log(2 * jaccard / (1 + jaccard))
    kinds = list(EDITS)
    while room > 0:
        edit = rng.choice(kinds)
        edit(rng, words, foreign)
        room -= EDITS[edit]
    return " ".join(words)


# ---- the S-curve, measured ----------------------------------------------------------------------


@dataclass(frozen=True)
class CurvePoint:
    """Pairs whose Jaccard rounds to `jaccard`."""

    jaccard: float
    n: int
    expected: float
    """Sum over the pairs of the chance to share a band, each at its exact Jaccard."""
    found: int
    """Pairs that do."""
    sigma: float
    """Standard deviation of `found`: binomial, each pair at its own chance."""


def near_copies(texts: Sequence[str], n_pairs: int, seed: int) -> tuple[pa.Array, pa.Array]:
    """Documents in turn, and copies of them of similarities spread over 0 to 1."""
    rng = random.Random(seed)
    left = [texts[i % len(texts)] for i in range(n_pairs)]
    right = [near_copy(rng, text, rng.choice(texts), rng.uniform(0.01, 1.0)) for text in left]
    return pa.array(left), pa.array(right)


def measured_curve(
    left: pa.Array, right: pa.Array, how: int | Shingling, plan: BandPlan
) -> list[CurvePoint]:
    """How many of the pairs share a band, at each 0.05 of their exact Jaccard similarity."""
    n = len(left)
    both = pa.concat_arrays([left, right])
    offsets, hashes = shingle_hashes(both, how)
    jaccard = exact_overlap(hashes, offsets, np.arange(n), np.arange(n, 2 * n)).jaccard
    found = minhash(both, how, plan)
    assert found.has_bands.all()
    meets = (found.band_keys[:n] == found.band_keys[n:]).any(axis=1)
    chance = np.array([plan.recall(j) for j in jaccard])
    bins = np.rint(jaccard / STEP).astype(int)
    points = []
    for k in range(int(1 / STEP) + 1):
        rows = bins == k
        p = chance[rows]
        points.append(
            CurvePoint(
                round(k * STEP, 2), int(rows.sum()), float(p.sum()), int(meets[rows].sum()),
                float(np.sqrt((p * (1 - p)).sum())),
            )
        )  # fmt: skip
    return points
