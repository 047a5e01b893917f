"""Similarity of document pairs: estimated from sketches, exact from shingle sets."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mixcore.text.compiled import kernel
from mixcore.text.minhash import SKETCH_SLOTS

_BYTE_COLLISION = 1.0 / 256.0
"""Chance that unequal minima agree in their low byte."""
REJECT_SIGMAS = 3.0
"""A pair is rejected unseen only this many standard deviations below the threshold: of the pairs
at the threshold, about one in a thousand."""


def sketch_estimate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Jaccard estimate of pairs from their sketches.

    Args:
        a: uint8 (n, slots).
        b: uint8 (n, slots).

    Returns:
        float64 (n,): (share of equal slots - 1/256) / (255/256). Unbiased, so it can lie a little
        below 0.
    """
    agree = np.count_nonzero(a == b, axis=1) / a.shape[1]
    estimate: np.ndarray = (agree - _BYTE_COLLISION) / (1.0 - _BYTE_COLLISION)
    return estimate


def rejection_bound(min_jaccard: float, slots: int = SKETCH_SLOTS) -> float:
    """Estimate below which a pair is not looked at again: t - 3 sigma, sigma of `slots` draws.

    >>> round(rejection_bound(0.8), 2)
    0.65
    """
    sigma = math.sqrt(min_jaccard * (1.0 - min_jaccard) / slots)
    return min_jaccard - REJECT_SIGMAS * sigma


class Overlap(NamedTuple):
    """Exact similarity of pairs, float64 each; empty sets give 0."""

    jaccard: np.ndarray
    containment_a: np.ndarray
    """|A & B| / |A|"""
    containment_b: np.ndarray
    """|A & B| / |B|"""


@kernel
def _intersections(hashes: Any, offsets: Any, left: Any, right: Any, out: Any) -> None:
    for p in range(len(left)):
        i, i_end = offsets[left[p]], offsets[left[p] + 1]
        j, j_end = offsets[right[p]], offsets[right[p] + 1]
        common = 0
        while i < i_end and j < j_end:
            x, y = hashes[i], hashes[j]
            common += x == y
            i += x <= y
            j += y <= x
        out[p] = common


def exact_overlap(
    hashes: np.ndarray, offsets: np.ndarray, left: np.ndarray, right: np.ndarray
) -> Overlap:
    """Jaccard and both containments of many pairs of sets.

    Args:
        hashes: uint64, the sets one after another, each distinct and ascending.
        offsets: int64 (n_sets + 1,): set i is `hashes[offsets[i]:offsets[i + 1]]`.
        left: Index of the first set of each pair.
        right: Index of the second.
    """
    left, right = left.astype(np.int64), right.astype(np.int64)
    common = np.zeros(len(left), np.int64)
    _intersections(hashes, offsets.astype(np.int64), left, right, common)
    sizes = np.diff(offsets)
    size_a, size_b = sizes[left], sizes[right]

    def share(of: np.ndarray) -> np.ndarray:
        quotient: np.ndarray = common / np.maximum(of, 1)
        return quotient

    return Overlap(share(size_a + size_b - common), share(size_a), share(size_b))
