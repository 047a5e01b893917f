"""Shingles: n consecutive words as one 64-bit hash; the sets that Jaccard similarity is about.

A document of T words has T - n + 1 shingles, one over all its words if 0 < T < n, none if T = 0.
The hash of a shingle is a polynomial over its word hashes, mixed (no string is built). 0 is never
a shingle: it is mapped to 1, so that kernels can use it as an empty slot.

Two other ways to cut (`Shingling`):

- characters: n consecutive ones of the lower-cased text in which runs of white space are a space;
- words, but letters in scripts that put no space between words. A word then weighs 1/n, a letter
  1/m with the m of its script, and a shingle goes from each unit on until its weight is 1. So
  Latin text has the very shingles of plain words, Chinese m-grams of letters (marks and spaces
  between them do not count, as between words), and mixed text has both and no seams.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mixcore.text.compiled import kernel, leaf
from mixcore.text.make_fold_tables import SCRIPTS
from mixcore.text.shingling import Shingling
from mixcore.text.words import (
    FoldTables,
    char_hashes,
    fold_tables,
    script_tables,
    token_hashes,
    unit_hashes,
    utf8_buffers,
)

_M = np.uint64(0x94D049BB133111EB)
"""Odd multiplier of the polynomial over words (second multiplier of splitmix64's finalizer)."""
_MIX = np.uint64(0xD6E8FEB86659FD93)
"""Multiplier of the rrmxmx family of 64-bit finalizers."""
_M_INVERSE = np.uint64(pow(int(_M), -1, 1 << 64))
_S32, _ZERO, _ONE = np.uint64(32), np.uint64(0), np.uint64(1)

_BY_WORDS, _BY_CHARS, _BY_WEIGHT = 0, 1, 2


class Cut(NamedTuple):
    """A `Shingling` as kernels need it; see `make_cut`."""

    kind: int
    n: int
    full: np.uint64
    """Weight of a whole shingle."""
    weights: np.ndarray
    """uint64: weight of a word, and of a letter of each of SCRIPTS; empty if all weigh the same."""


@cache
def make_cut(how: int | Shingling) -> tuple[Cut, FoldTables]:
    """What `cut` needs to cut texts in this way; a number stands for so many words."""
    how = Shingling(n=how) if isinstance(how, int) else how
    kind = _BY_CHARS if how.unit == "chars" else _BY_WEIGHT if how.scripts else _BY_WORDS
    if kind != _BY_WEIGHT:
        return Cut(kind, how.n, _ZERO, np.zeros(0, np.uint64)), fold_tables()
    letters = dict(how.scripts)
    full = math.lcm(how.n, *letters.values())
    each = [how.n, *(letters.get(name, 1) for name in SCRIPTS)]
    weights = np.array([full // n for n in each], np.uint64)
    return Cut(kind, how.n, np.uint64(full), weights), script_tables(frozenset(letters))


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
def shingle_by_weight(units: Any, weight: Any, n_units: int, full: Any, out: Any) -> Any:
    """As `shingle`, each as long as its weight needs to reach `full`.

    Args:
        units: uint64 hashes.
        weight: uint64, of each unit.
        n_units: How many of them are valid.
        full: Weight of a shingle.
        out: uint64 with room for `n_units` hashes; may not be `units`.

    Returns:
        (number of shingles written, whether the document weighs less than one).
    """
    g, scale = _ZERO, _ONE  # scale = M^width
    total = _ZERO
    end = 0
    for i in range(n_units):
        while end < n_units and total < full:
            g = g * _M + units[end]
            scale *= _M
            total += weight[end]
            end += 1
        if total < full:
            if i == 0:
                out[0] = _mix_shingle(g)
                return 1, True
            return i, False
        out[i] = _mix_shingle(g)
        scale *= _M_INVERSE
        g -= units[i] * scale
        total -= weight[i]
    return n_units, n_units == 0


@leaf
def cut_document(
    data: Any, start: int, end: int, t: FoldTables, how: Cut, units: Any, weight: Any, out: Any
) -> Any:
    """Shingle hashes of `data[start:end]` in order of the text, repeats included.

    Args:
        data: uint8 buffer of UTF-8.
        start: First byte of the document.
        end: One past its last byte.
        t: From `make_cut`.
        how: From `make_cut`.
        units: uint64 scratch of `room(how, end - start)` entries.
        weight: uint64 scratch as `units` if weights are used, else empty.
        out: uint64, as `units`; may not be `units`.

    Returns:
        (number of shingles written, whether the document is shorter than a shingle).
    """
    if how.kind == _BY_WORDS:
        n = token_hashes(data, start, end, t, units)
        return shingle(units, n, how.n, out), n < how.n
    if how.kind == _BY_CHARS:
        n = char_hashes(data, start, end, t, units)
        return shingle(units, n, how.n, out), n < how.n
    n = unit_hashes(data, start, end, t, units, how.weights, weight)
    return shingle_by_weight(units, weight, n, how.full, out)


@leaf
def room(how: Cut, n_bytes: int) -> int:
    """The most units, and so shingles, that a document of so many bytes can have."""
    return n_bytes + 1 if how.kind == _BY_CHARS else n_bytes // 2 + 1


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
def _all_shingles(data: Any, offsets: Any, t: FoldTables, how: Cut, out: Any) -> Any:
    """Distinct shingles of each document, one after another in `out`; returns their offsets."""
    n_docs = len(offsets) - 1
    starts = np.zeros(n_docs + 1, np.int64)
    longest = 0
    for d in range(n_docs):
        longest = max(longest, offsets[d + 1] - offsets[d])
    units = np.empty(room(how, longest), np.uint64)
    weight = np.empty(len(units) if len(how.weights) else 0, np.uint64)
    table = np.empty(1024, np.uint64)
    at = 0
    for d in range(n_docs):
        hashes = out[at:]
        n, _ = cut_document(data, offsets[d], offsets[d + 1], t, how, units, weight, hashes)
        if table_size(n) > len(table):
            table = np.empty(table_size(n), np.uint64)
        at += keep_distinct(hashes, n, table)
        starts[d + 1] = at
    return starts


def shingle_hashes(text: pa.Array, how: int | Shingling) -> tuple[np.ndarray, np.ndarray]:
    """The shingle set of each document, for exact Jaccard.

    Args:
        text: Documents, `string` or `large_string`; null reads as empty.
        how: How to cut them; a number stands for so many words.

    Returns:
        (offsets int64 of length n + 1, hashes uint64): document i has
        `hashes[offsets[i]:offsets[i + 1]]`, distinct and ascending.
    """
    data, offsets = utf8_buffers(text)
    cut, tables = make_cut(how)
    n_bytes = offsets[1:] - offsets[:-1]
    rooms = n_bytes + 1 if cut.kind == _BY_CHARS else n_bytes // 2 + 1
    out = np.empty(int(rooms.sum()), np.uint64)
    starts = _all_shingles(data, offsets, tables, cut, out)
    for d in range(len(offsets) - 1):
        out[starts[d] : starts[d + 1]].sort()
    return starts, out[: starts[-1]].copy()
