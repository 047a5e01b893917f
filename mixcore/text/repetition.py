"""Repetition of N words: distinct words, entropy, top 2-4-grams, repeated 5-10-grams.

Exact up to the word hashes of `word_scan`: every n-gram gets a dense number, keyed by
(number of its first n-1 words, number of its last word), so n-grams add no collisions.
Pruning upwards: an n-gram can occur twice only if its (n-1)-gram prefix and suffix both do,
so level n looks at positions whose two (n-1)-grams are repeated, and prose has few of them.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.compiled import kernel

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
_HALF = np.uint64(32)
_FREE = -1
C_LOG_C_ROOM = 4096
C_LOG_C = np.array([0.0, 0.0] + [n * np.log(float(n)) for n in range(2, C_LOG_C_ROOM)])


@kernel
def bits_for(n: int) -> int:
    """Smallest b >= 4 with 2^b >= 2 n: table size for n keys at a load of at most a half."""
    b = 4
    while (1 << b) < 2 * n:
        b += 1
    return b


@kernel
def number_keys(
    keys: NDArray[np.uint64],
    n: int,
    slots: NDArray[np.int32],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> int:
    """Number the distinct keys[:n] by first occurrence; gives how many there are.

    `ids[i]` becomes the number of keys[i], `counts[id]` its occurrences, `first_key[id]` the
    key. `slots` is an arena of at least 2^bits_for(n) entries.
    """
    bits = bits_for(n)
    shift = np.uint64(64 - bits)
    mask = (1 << bits) - 1
    slots[: 1 << bits] = _FREE
    m = 0
    for i in range(n):
        key = keys[i]
        slot = np.int64(((key ^ (key >> _HALF)) * _MIX) >> shift)
        while True:
            found = slots[slot]
            if found == _FREE:
                slots[slot] = m
                first_key[m] = key
                counts[m] = 1
                ids[i] = m
                m += 1
                break
            if first_key[found] == key:
                counts[found] += 1
                ids[i] = found
                break
            slot = (slot + 1) & mask
    return m


@kernel
def repetition(
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    nfd_lengths: NDArray[np.int32],
    word_offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    entropy: NDArray[np.float64],
    slots: NDArray[np.int32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    word_ids: NDArray[np.int32],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    grams: NDArray[np.int32],
    positions: NDArray[np.int32],
    sums: NDArray[np.int64],
    nfd_sums: NDArray[np.int64],
) -> None:
    """Fill the repetition counters and the entropy (nats) of every document.

    The last nine arguments are arenas with room for the longest document's N words + 1
    (`slots`: four times that, and at least 16).
    """
    for d in range(word_offsets.shape[0] - 1):
        base = word_offsets[d]
        n = word_offsets[d + 1] - base
        row = rows[d]
        entropy[d] = 0.0
        if n == 0:
            continue
        kinds = number_keys(hashes[base:], n, slots, first_key, word_ids, counts)
        row[c.UNIQUE_WORDS] = kinds
        entropy[d] = _entropy(counts, kinds, n)
        if kinds == n:
            continue
        total = nfd_total = 0
        for i in range(n):
            sums[i] = total
            nfd_sums[i] = nfd_total
            total += lengths[base + i]
            nfd_total += nfd_lengths[base + i]
        sums[n] = total
        nfd_sums[n] = nfd_total

        # Level 1: repeated words. grams[j] is the (n-1)-gram at positions[j]; repeated only.
        m = 0
        for i in range(n):
            positions[m] = i
            grams[m] = word_ids[i]
            m += counts[word_ids[i]] > 1
        for size in range(2, 11):
            k = 0
            for j in range(m - 1):
                p = positions[j]
                if positions[j + 1] == p + 1:
                    keys[k] = (np.uint64(grams[j]) << _HALF) | np.uint64(word_ids[p + size - 1])
                    positions[k] = p
                    k += 1
            if k < 2:
                break
            distinct = number_keys(keys, k, slots, first_key, ids, counts)
            if size <= 4:
                _top(positions, ids, counts, k, distinct, size, sums, nfd_sums, row)
            m = 0
            covered = nfd_covered = 0
            covered_to = 0
            for j in range(k):
                if counts[ids[j]] < 2:
                    continue
                p = positions[j]
                if size >= 5:
                    start = max(np.int64(p), covered_to)
                    covered_to = np.int64(p) + size
                    covered += sums[covered_to] - sums[start]
                    nfd_covered += nfd_sums[covered_to] - nfd_sums[start]
                positions[m] = p
                grams[m] = ids[j]
                m += 1
            if size >= 5:
                row[c.COV_5 + size - 5] = covered
                row[c.NFD_COV_5 + size - 5] = nfd_covered
            if size == 10:
                row[c.REP_10] = m
            if m < 2:
                break


@kernel
def _top(
    positions: NDArray[np.int32],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    k: int,
    distinct: int,
    size: int,
    sums: NDArray[np.int64],
    nfd_sums: NDArray[np.int64],
    row: NDArray[np.int64],
) -> None:
    """Characters of the most frequent n-gram times its count; of equals the first seen."""
    best = 0
    for i in range(1, distinct):
        if counts[i] > counts[best]:
            best = i
    times = np.int64(counts[best])
    if times < 2:
        return
    for j in range(k):
        if ids[j] == best:
            p = positions[j]
            row[c.TOP_2 + size - 2] = times * (sums[p + size] - sums[p])
            row[c.NFD_TOP_2 + size - 2] = times * (nfd_sums[p + size] - nfd_sums[p])
            break


@kernel
def _entropy(counts: NDArray[np.int32], kinds: int, n: int) -> float:
    """-sum p ln p = ln n - (sum count ln count) / n, in the order of first occurrence."""
    total = 0.0
    for i in range(kinds):
        k = counts[i]
        total += C_LOG_C[k] if k < C_LOG_C_ROOM else k * np.log(np.float64(k))
    return max(0.0, np.log(np.float64(n)) - total / n)
