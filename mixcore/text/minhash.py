"""MinHash: band keys for finding near duplicates, and a sketch for judging candidates.

Permutations are "affine32" exactly as in datasketch 2.0: m = fmix32(h) with h the high half of a
shingle, minimum over the shingles of (a_k * m + b_k) mod 2^32, a_k odd, parameters from numpy's
`RandomState(1)`: first all a, then all b. K = bands * rows + 64: the first bands * rows minima make
the band keys, the last 64 the sketch, so that a collision of a band says nothing about the sketch.

A band key is a 64-bit hash of the band's index and its minima. The sketch keeps the *low* byte of
each of its minima: the high bits of a minimum are nearly constant.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mixcore.text.bands import BandPlan
from mixcore.text.compiled import kernel, leaf
from mixcore.text.shingles import (
    Cut,
    cut_document,
    keep_distinct,
    make_cut,
    room,
    table_size,
)
from mixcore.text.shingling import Shingling
from mixcore.text.words import FoldTables, utf8_buffers

SKETCH_SLOTS = 64
SEED = 1
"""Seed of the permutations, datasketch's default. Part of what band keys mean."""
LANES = 64
"""Shingles are padded to a multiple of this by repeating the last one, so that the inner loop has
no scalar rest (four registers of 16)."""
BLOCK = 4096
"""Shingles permuted at a time: 16 kB, which stay in the first-level cache for all permutations."""

_EMPTY = np.uint32(0xFFFFFFFF)
_M1, _M2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_FNV = np.uint64(0x100000001B3)
_K1, _K2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_BAND = np.uint64(0x9E3779B97F4A7C15)
_S13, _S16 = np.uint32(13), np.uint32(16)
_S32, _S33 = np.uint64(32), np.uint64(33)


@cache
def permutations(n: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Parameters (a odd, b) of `n` affine32 permutations, uint32, as datasketch draws them."""
    random = np.random.RandomState(seed)
    a = random.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = random.randint(0, 1 << 32, n, dtype=np.uint32)
    return a, b


@leaf
def _fmix32(hashes: Any, n: int, out: Any) -> int:
    """murmur3's 32-bit finalizer of the high halves, padded to LANES; returns the padded length."""
    for i in range(n):
        m = np.uint32(hashes[i] >> _S32)
        m ^= m >> _S16
        m = np.uint32(m * _M1)
        m ^= m >> _S13
        m = np.uint32(m * _M2)
        out[i] = m ^ (m >> _S16)
    padded = (n + LANES - 1) // LANES * LANES
    for i in range(n, padded):
        out[i] = out[n - 1]
    return padded


@leaf
def _min_of(m: Any, a: Any, b: Any) -> Any:
    """Minimum of a * m + b mod 2^32; `m` is contiguous with a multiple of LANES entries."""
    least = _EMPTY
    for i in range(len(m)):
        v = np.uint32(np.uint32(a * m[i]) + b)
        least = min(least, v)
    return least


@leaf
def minima(hashes: Any, n: int, a: Any, b: Any, mixed: Any, out: Any) -> None:
    """MinHash signature of `hashes[:n]`.

    Args:
        hashes: uint64 shingles; repeats are harmless.
        n: How many are valid; 0 gives 2^32 - 1 everywhere.
        a: uint32 multipliers.
        b: uint32 offsets.
        mixed: uint32 scratch of at least BLOCK entries.
        out: uint32, one minimum a permutation.
    """
    for k in range(len(a)):
        out[k] = _EMPTY
    for begin in range(0, n, BLOCK):
        count = min(BLOCK, n - begin)
        padded = _fmix32(hashes[begin : begin + count], count, mixed)
        block = mixed[:padded]
        for k in range(len(a)):
            out[k] = min(out[k], _min_of(block, a[k], b[k]))


@leaf
def band_key(signature: Any, band: int, rows: int) -> Any:
    """64-bit hash of the band's index and its `rows` minima."""
    h = np.uint64(band + 1) * _BAND
    for i in range(band * rows, (band + 1) * rows):
        h = (h ^ np.uint64(signature[i])) * _FNV
        h ^= h >> _S32
    h ^= h >> _S33
    h *= _K1
    h ^= h >> _S33
    h *= _K2
    return h ^ (h >> _S33)


@kernel
def _profile(
    data: Any, offsets: Any, t: FoldTables, how: Cut, a: Any, b: Any, rows: int,
    n_shingles: Any, keys: Any, sketch: Any, has_bands: Any,
) -> int:  # fmt: skip
    """Fill `n_shingles` of all documents; `keys` and `sketch` row by row of those with bands."""
    n_docs = len(offsets) - 1
    longest = 0
    for d in range(n_docs):
        longest = max(longest, offsets[d + 1] - offsets[d])
    units = np.empty(room(how, longest), np.uint64)
    weight = np.empty(len(units) if len(how.weights) else 0, np.uint64)
    hashes = np.empty(len(units), np.uint64)
    table = np.empty(1024, np.uint64)
    mixed = np.empty(BLOCK, np.uint32)
    signature = np.empty(len(a), np.uint32)
    n_bands = keys.shape[1]
    first_slot = len(a) - sketch.shape[1]
    row = 0
    for d in range(n_docs):
        n, is_short = cut_document(data, offsets[d], offsets[d + 1], t, how, units, weight, hashes)
        if table_size(n) > len(table):
            table = np.empty(table_size(n), np.uint64)
        n = keep_distinct(hashes, n, table)
        n_shingles[d] = n
        if is_short:
            continue
        has_bands[d] = True
        minima(hashes, n, a, b, mixed, signature)
        for j in range(n_bands):
            keys[row, j] = band_key(signature, j, rows)
        for s in range(sketch.shape[1]):
            sketch[row, s] = np.uint8(signature[first_slot + s] & np.uint32(255))
        row += 1
    return row


class MinHashes(NamedTuple):
    """Dedup columns of a batch; see `minhash`."""

    n_shingles: np.ndarray
    """int32: distinct shingles a document."""
    has_bands: np.ndarray
    """bool: whether the document is long enough for near-duplicate search."""
    band_keys: np.ndarray
    """uint64 (documents with bands, bands)."""
    sketches: np.ndarray
    """uint8 (documents with bands, 64)."""


def minhash(text: pa.Array, how: int | Shingling, plan: BandPlan) -> MinHashes:
    """Shingle and MinHash a batch in one pass over its text.

    Args:
        text: Documents, `string` or `large_string`; null reads as empty.
        how: How to cut them; a number stands for so many words a shingle.
        plan: Bands and rows, at least 1 x 1.

    Returns:
        Columns of the batch. Documents shorter than a shingle are left to exact deduplication:
        they have one shingle (none without a word) and no bands.
    """
    data, offsets = utf8_buffers(text)
    n_docs = len(offsets) - 1
    a, b = permutations(plan.n_band_permutations + SKETCH_SLOTS)
    n_shingles = np.zeros(n_docs, np.int32)
    keys = np.empty((n_docs, plan.bands), np.uint64)
    sketch = np.empty((n_docs, SKETCH_SLOTS), np.uint8)
    has_bands = np.zeros(n_docs, np.bool_)
    cut, tables = make_cut(how)
    n = _profile(data, offsets, tables, cut, a, b, plan.rows, n_shingles, keys, sketch, has_bands)
    return MinHashes(n_shingles, has_bands, keys[:n], sketch[:n])
