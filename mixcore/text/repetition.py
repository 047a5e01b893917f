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
from mixcore.text.compiled import leaf

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
_HALF = np.uint64(32)
_TOP_BYTE, _NONE = np.uint64(56), np.uint64(0)
_ONE = np.uint64(1)
C_LOG_C_ROOM = 4096
C_LOG_C = np.array([0.0, 0.0] + [n * np.log(float(n)) for n in range(2, C_LOG_C_ROOM)])


@leaf
def bits_for(n: int) -> int:
    """Smallest b >= 4 with 2^b >= 2 n: table size for n keys at a load of at most a half."""
    b = 4
    while (1 << b) < 2 * n:
        b += 1
    return b


@leaf
def number_keys(
    keys: NDArray[np.uint64],
    n: int,
    slots: NDArray[np.uint32],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> int:
    """Number the distinct keys[:n] by first occurrence, from 1; gives how many there are.

    `ids[i]` becomes the number of keys[i], `counts[id]` its occurrences, `first_key[id]` the
    key. `slots` is an arena of at least 2^bits_for(n) entries; `first_key` and `counts` have
    room for n + 1.

    A free slot holds 0 and `first_key[0]` is the key that is looked for, so that a new key and
    a known one take the same way: which it is, no processor could foresee.
    """
    bits = bits_for(n)
    shift = np.uint64(64 - bits)
    mask = np.uint64((1 << bits) - 1)
    slots[: 1 << bits] = 0
    m = 0
    for i in range(n):
        key = keys[i]
        first_key[0] = key
        slot = ((key ^ (key >> _HALF)) * _MIX) >> shift
        found = slots[slot]
        while first_key[found] != key:
            slot = (slot + _ONE) & mask
            found = slots[slot]
        new = found == 0
        m += new
        known = np.int64(counts[found])
        number = m if new else np.int64(found)
        slots[slot] = number
        first_key[number] = key
        counts[number] = (0 if new else known) + 1
        ids[i] = number
    return m


@leaf
def keep_seen_twice(
    keys: NDArray[np.uint64], positions: NDArray[np.int32], n: int, seen: NDArray[np.uint8]
) -> int:
    """Move keys that may occur more than once, with their positions, to the front.

    A byte a slot, four slots a key at least: a key is dropped if no other shares its slot. Most
    n-grams of prose go this way, without a table of them.
    """
    bits = bits_for(n) + 1
    shift = np.uint64(64 - bits)
    seen[: 1 << bits] = 0
    for j in range(n):
        slot = ((keys[j] ^ (keys[j] >> _HALF)) * _MIX) >> shift
        seen[slot] = (seen[slot] << 1) | 1
    m = 0
    for j in range(n):
        key = keys[j]
        slot = ((key ^ (key >> _HALF)) * _MIX) >> shift
        keys[m] = key
        positions[m] = positions[j]
        m += seen[slot] > 1
    return m


@leaf
def repetition(
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    nfd_lengths: NDArray[np.int32],
    word_offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    entropy: NDArray[np.float64],
    stop_hash: NDArray[np.uint64],
    slots: NDArray[np.uint32],
    seen: NDArray[np.uint8],
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

    `stop_hash` has 256 slots of the stop words' hashes by their top byte (linear probing,
    0 = free). The last ten arguments are arenas with room for the longest document's N words
    + 2 (`slots`: four times that, `seen`: eight times that, each at least 32).
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
        _stop_words(stop_hash, first_key, counts, kinds, row)
        entropy[d] = _entropy(counts, kinds, n)
        if kinds == n:
            continue
        # Level 1: repeated words. grams[j] is the (n-1)-gram at positions[j]; repeated only.
        m = 0
        total = 0
        for i in range(n):
            positions[m] = i
            grams[m] = word_ids[i]
            m += counts[word_ids[i]] > 1
            sums[i] = total
            total += lengths[base + i]
        sums[n] = total
        nfd = sums
        if row[c.NON_ASCII]:
            nfd = nfd_sums
            total = 0
            for i in range(n):
                nfd[i] = total
                total += nfd_lengths[base + i]
            nfd[n] = total
        for size in range(2, 11):
            k = 0
            for j in range(m - 1):
                p = positions[j]
                keys[k] = (np.uint64(grams[j]) << _HALF) | np.uint64(word_ids[p + size - 1])
                positions[k] = p
                k += positions[j + 1] == p + 1
            k = keep_seen_twice(keys, positions, k, seen)
            if k < 2:
                break
            distinct = number_keys(keys, k, slots, first_key, ids, counts)
            if size <= 4:
                _top(positions, ids, counts, k, distinct, size, sums, nfd, row)
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
                    nfd_covered += nfd[covered_to] - nfd[start]
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


@leaf
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
    best = 1
    for i in range(2, distinct + 1):
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


@leaf
def _stop_words(
    stop_hash: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    counts: NDArray[np.int32],
    kinds: int,
    row: NDArray[np.int64],
) -> None:
    """Count stop words and their kinds among the distinct words."""
    for i in range(1, kinds + 1):
        h = first_key[i]
        slot = np.int64(h >> _TOP_BYTE)
        while stop_hash[slot] != _NONE:
            if stop_hash[slot] == h:
                row[c.STOP_WORDS] += counts[i]
                row[c.STOP_KINDS] += 1
                break
            slot = (slot + 1) & 255


@leaf
def _entropy(counts: NDArray[np.int32], kinds: int, n: int) -> float:
    """-sum p ln p = ln n - (sum count ln count) / n, in the order of first occurrence."""
    total = 0.0
    for i in range(1, kinds + 1):
        k = counts[i]
        total += C_LOG_C[k] if k < C_LOG_C_ROOM else k * np.log(np.float64(k))
    return max(0.0, np.log(np.float64(n)) - total / n)
