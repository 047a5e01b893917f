"""Repetition of tokens by peers' formulas; the search itself is that of `repetition`.

An n-gram is known by (number of its first n-1 tokens, number of its last one), and only positions
whose two (n-1)-grams are repeated are looked at, so prose costs little beyond its first level.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text.compiled import leaf
from mixcore.text.repetition import keep_seen_twice, number_keys

# Sums of a document: the most frequent 2-, 3-, 4-gram (count times length, 0 if it is there once);
# the same with the first n-gram where none is repeated; that with the spaces between its words.
TOP, TOP_ONCE, TOP_SPACED = 0, 3, 6
# For 5 to 10: tokens inside repeated n-grams, each once; n-grams seen before, reading on behind
# each; all copies of repeated n-grams, overlaps counted again; that of all n-grams.
COVERED, GREEDY, COPIES, ALL_GRAMS = 9, 15, 21, 27
N_SUMS = 33
_HALF = np.uint64(32)
_TOP_SIZES = 4
_LAST = 10
_FIRST_DUP = 5


class Arenas:
    """Scratch memory for documents of up to `room` tokens."""

    def __init__(self, room: int) -> None:
        slots = 1 << max(4, (2 * room + 1).bit_length())
        self.slots = np.empty(slots, np.uint32)
        self.seen = np.empty(2 * slots, np.uint8)
        self.keys = np.empty(room + 2, np.uint64)
        self.first_key = np.empty(room + 2, np.uint64)
        self.ids = np.empty((2, room + 2), np.int32)
        self.counts = np.empty(room + 2, np.int32)
        self.grams = np.empty(room + 2, np.int32)
        self.positions = np.empty(room + 2, np.int32)
        self.sums = np.empty(room + 2, np.int64)


@leaf
def _set_top(out: NDArray[np.int64], size: int, times: int, chars: int) -> None:
    """Note the most frequent n-gram of this size."""
    k = size - 2
    out[TOP + k] = times * chars if times > 1 else 0
    out[TOP_ONCE + k] = times * chars
    out[TOP_SPACED + k] = times * (chars + size - 1)


@leaf
def _best(
    positions: NDArray[np.int32], ids: NDArray[np.int32], counts: NDArray[np.int32], k: int,
    distinct: int,
) -> tuple[int, int]:  # fmt: skip
    """(times, position) of the most frequent of k n-grams; of equals the first seen."""
    best = 1
    for i in range(2, distinct + 1):
        if counts[i] > counts[best]:
            best = i
    for j in range(k):
        if ids[j] == best:
            return np.int64(counts[best]), np.int64(positions[j])
    return 0, 0


@leaf
def _duplicates(
    positions: NDArray[np.int32],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    k: int,
    size: int,
    sums: NDArray[np.int64],
    seen: NDArray[np.uint8],
    out: NDArray[np.int64],
) -> None:
    """Add up repeated n-grams three ways; `seen` is zero at every number of `ids`."""
    covered = greedy = copies = 0
    covered_to = resume = 0
    for j in range(k):
        if counts[ids[j]] < 2:
            continue
        p = np.int64(positions[j])
        chars = sums[p + size] - sums[p]
        copies += chars
        covered += sums[p + size] - sums[max(p, covered_to)]
        covered_to = p + size
        if p >= resume:
            if seen[ids[j]]:
                greedy += chars
                resume = p + size
            seen[ids[j]] = 1
    out[COVERED + size - _FIRST_DUP] = covered
    out[GREEDY + size - _FIRST_DUP] = greedy
    out[COPIES + size - _FIRST_DUP] = copies


@leaf
def repeated(
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    n: int,
    slots: NDArray[np.uint32],
    seen: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    grams: NDArray[np.int32],
    positions: NDArray[np.int32],
    sums: NDArray[np.int64],
    out: NDArray[np.int64],
) -> int:
    """Fill `out` with the sums above for a document of n tokens.

    Args:
        hashes: of the tokens.
        lengths: of the tokens, in code points.
        n: how many there are.
        slots: arena of `Arenas`, as the next eight.
        seen: arena.
        keys: arena.
        first_key: arena.
        ids: arena.
        counts: arena.
        grams: arena.
        positions: arena.
        sums: arena.
        out: N_SUMS numbers, zeroed.

    Returns:
        The number of distinct tokens.
    """
    if n == 0:
        return 0
    total = 0
    for i in range(n):
        sums[i] = total
        total += lengths[i]
    sums[n] = total
    for size in range(2, min(n, _LAST) + 1):
        if size <= _TOP_SIZES:
            _set_top(out, size, 1, sums[size])
        else:
            every = 0
            for p in range(n - size + 1):
                every += sums[p + size] - sums[p]
            out[ALL_GRAMS + size - _FIRST_DUP] = every
    words = ids[0]
    kinds = number_keys(hashes, n, slots, first_key, words, counts)
    m = 0
    for i in range(n):
        positions[m] = i
        grams[m] = words[i]
        m += counts[words[i]] > 1
    found = ids[1]
    for size in range(2, _LAST + 1):
        k = 0
        for j in range(m - 1):
            p = positions[j]
            keys[k] = (np.uint64(grams[j]) << _HALF) | np.uint64(words[p + size - 1])
            positions[k] = p
            k += positions[j + 1] == p + 1
        k = keep_seen_twice(keys, positions, k, seen)
        if k < 2:
            break
        distinct = number_keys(keys, k, slots, first_key, found, counts)
        if size <= _TOP_SIZES:
            times, p = _best(positions, found, counts, k, distinct)
            if times > 1:
                _set_top(out, size, times, sums[p + size] - sums[p])
        else:
            seen[: distinct + 1] = 0
            _duplicates(positions, found, counts, k, size, sums, seen, out)
        m = 0
        for j in range(k):
            if counts[found[j]] > 1:
                positions[m] = positions[j]
                grams[m] = found[j]
                m += 1
        if m < 2:
            break
    return kinds
