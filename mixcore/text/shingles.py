"""Shingles: n consecutive words as one 64-bit hash; the sets that Jaccard similarity is about.

A document of T words has T - n + 1 shingles, one over all its words if 0 < T < n, none if T = 0.
The hash of a shingle is a polynomial over its word hashes, mixed (no string is built). 0 is never
a shingle: it is mapped to 1, so that kernels can use it as an empty slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from mixcore.text.compiled import kernel, leaf
from mixcore.text.words import FoldTables, fold_tables, token_hashes, utf8_buffers

_M = np.uint64(0x94D049BB133111EB)
"""Odd multiplier of the polynomial over words (second multiplier of splitmix64's finalizer)."""
_MIX = np.uint64(0xD6E8FEB86659FD93)
"""Multiplier of the rrmxmx family of 64-bit finalizers."""
_S32, _ZERO, _ONE = np.uint64(32), np.uint64(0), np.uint64(1)


@leaf
def _mix_shingle(g: Any) -> Any:
    g ^= g >> _S32
    g *= _MIX
    g ^= g >> _S32
    return g if g != _ZERO else _ONE


@leaf
def shingle(tokens: Any, n_tokens: int, n_words: int, out: Any) -> int:
    """Shingle hashes in order of the text, repeats included.

    Args:
        tokens: uint64 word hashes.
        n_tokens: How many of them are valid.
        n_words: Words a shingle, at least 1.
        out: uint64 with room for `n_tokens` hashes; may not be `tokens`.

    Returns:
        Number of shingles written to `out`.
    """
    if n_tokens == 0:
        return 0
    width = min(n_tokens, n_words)
    leaving = _ONE  # M^width: the weight of the word that leaves the window
    g = _ZERO
    for j in range(width):
        g = g * _M + tokens[j]
        leaving *= _M
    out[0] = _mix_shingle(g)
    for j in range(width, n_tokens):
        g = g * _M + tokens[j] - tokens[j - width] * leaving
        out[j - width + 1] = _mix_shingle(g)
    return n_tokens - width + 1


@leaf
def table_size(n: int) -> int:
    """Slots of an open-addressing table for `n` keys: a power of two, at most half full."""
    size = 16
    while size < 2 * n:
        size *= 2
    return size


@leaf
def keep_distinct(hashes: Any, n: int, table: Any) -> int:
    """Move the distinct ones of `hashes[:n]` (none is 0) to the front, in order.

    Args:
        hashes: uint64, changed in place.
        n: How many are valid.
        table: uint64 scratch of at least `table_size(n)` slots; its content is lost.

    Returns:
        Number of distinct hashes.
    """
    size = table_size(n)
    mask = np.uint64(size - 1)
    for i in range(size):
        table[i] = _ZERO
    kept = 0
    for i in range(n):
        g = hashes[i]
        slot = g & mask
        while table[slot] != _ZERO and table[slot] != g:
            slot = (slot + _ONE) & mask
        if table[slot] == _ZERO:
            table[slot] = g
            hashes[kept] = g
            kept += 1
    return kept


@kernel
def _all_shingles(data: Any, offsets: Any, t: FoldTables, n_words: int, out: Any) -> Any:
    """Distinct shingles of each document, one after another in `out`; returns their offsets."""
    n_docs = len(offsets) - 1
    starts = np.zeros(n_docs + 1, np.int64)
    longest = 0
    for d in range(n_docs):
        longest = max(longest, offsets[d + 1] - offsets[d])
    tokens = np.empty(longest // 2 + 1, np.uint64)
    table = np.empty(1024, np.uint64)
    at = 0
    for d in range(n_docs):
        n_tokens = token_hashes(data, offsets[d], offsets[d + 1], t, tokens)
        hashes = out[at:]
        n = shingle(tokens, n_tokens, n_words, hashes)
        if table_size(n) > len(table):
            table = np.empty(table_size(n), np.uint64)
        at += keep_distinct(hashes, n, table)
        starts[d + 1] = at
    return starts


def shingle_hashes(text: pa.Array, n_words: int) -> tuple[np.ndarray, np.ndarray]:
    """The shingle set of each document, for exact Jaccard.

    Args:
        text: Documents, `string` or `large_string`; null reads as empty.
        n_words: Words a shingle, at least 1.

    Returns:
        (offsets int64 of length n + 1, hashes uint64): document i has
        `hashes[offsets[i]:offsets[i + 1]]`, distinct and ascending.
    """
    data, offsets = utf8_buffers(text)
    room = int(((offsets[1:] - offsets[:-1]) // 2 + 1).sum())
    out = np.empty(room, np.uint64)
    starts = _all_shingles(data, offsets, fold_tables(), n_words, out)
    for d in range(len(offsets) - 1):
        out[starts[d] : starts[d + 1]].sort()
    return starts, out[: starts[-1]].copy()
