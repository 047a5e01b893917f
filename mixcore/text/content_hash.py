"""128-bit hash of a text after differences that do not count: the key of exact deduplication.

What `ignore` can name:

- `case`: every code point is replaced by its lower case (full Unicode; both sigmas become sigma);
- `punctuation`: code points of Unicode category P* or S* are deleted (all ASCII punctuation is);
- `whitespace`: a run of `str.isspace` characters counts as one space, ends are stripped.

They apply in this order, so `a - b` and `a b` are equal if punctuation and whitespace are ignored.
The hash is MurmurHash3_x64_128 with seed 0 of the UTF-8 left over: not cryptographic; two different
texts among 10^9 share one with a chance below 10^-20.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from mixcore.text.compiled import kernel, leaf
from mixcore.text.eight_bytes import all_printable, load_u64, lower, spaces, store_u64
from mixcore.text.make_fold_tables import DOTTED_I, PUNCT, SPACE
from mixcore.text.words import (
    FoldTables,
    decode_utf8,
    fold_tables,
    utf8_buffers,
)

HASH_BYTES = 16

_DROPPED, _WIDE, _BLANK = -1, -2, 32
"""Entries of the ASCII map: deleted, start of a longer character; and the space of a run."""
_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_N1, _N2 = np.uint64(0x52DCE729), np.uint64(0x38495AB5)
_K1, _K2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_FIVE, _S33 = np.uint64(5), np.uint64(33)
_S8, _S63, _FIRST_BYTE = np.uint64(8), np.uint64(63), np.uint64(128)


@leaf
def _rotl(x: Any, r: int) -> Any:
    return (x << np.uint64(r)) | (x >> np.uint64(64 - r))


@leaf
def _fmix64(k: Any) -> Any:
    k ^= k >> _S33
    k *= _K1
    k ^= k >> _S33
    k *= _K2
    return k ^ (k >> _S33)


@leaf
def _scramble_1(k: Any) -> Any:
    return _rotl(k * _C1, 31) * _C2


@leaf
def _scramble_2(k: Any) -> Any:
    return _rotl(k * _C2, 33) * _C1


@leaf
def murmur3_128(words: Any, n_bytes: int) -> Any:
    """MurmurHash3_x64_128, seed 0.

    Args:
        words: uint64, little endian view of the bytes; those after `n_bytes` up to the next
            multiple of 16 are zero.
        n_bytes: Length of the input.

    Returns:
        (h1, h2) uint64.
    """
    h1 = np.uint64(0)
    h2 = np.uint64(0)
    n_blocks = n_bytes // 16
    for i in range(n_blocks):
        h1 ^= _scramble_1(words[2 * i])
        h1 = (_rotl(h1, 27) + h2) * _FIVE + _N1
        h2 ^= _scramble_2(words[2 * i + 1])
        h2 = (_rotl(h2, 31) + h1) * _FIVE + _N2
    if n_bytes % 16:
        # The zero padding makes the tail two whole words; scrambling 0 gives 0.
        h2 ^= _scramble_2(words[2 * n_blocks + 1])
        h1 ^= _scramble_1(words[2 * n_blocks])
    h1 ^= np.uint64(n_bytes)
    h2 ^= np.uint64(n_bytes)
    h1 += h2
    h2 += h1
    h1 = _fmix64(h1)
    h2 = _fmix64(h2)
    h1 += h2
    h2 += h1
    return h1, h2


@leaf
def _put(out: Any, n: int, cp: int) -> int:
    """Append a code point as UTF-8; returns the new length."""
    if cp < 0x80:
        out[n] = cp
        return n + 1
    if cp < 0x800:
        out[n] = 0xC0 | (cp >> 6)
        out[n + 1] = 0x80 | (cp & 0x3F)
        return n + 2
    if cp < 0x10000:
        out[n] = 0xE0 | (cp >> 12)
        out[n + 1] = 0x80 | ((cp >> 6) & 0x3F)
        out[n + 2] = 0x80 | (cp & 0x3F)
        return n + 3
    out[n] = 0xF0 | (cp >> 18)
    out[n + 1] = 0x80 | ((cp >> 12) & 0x3F)
    out[n + 2] = 0x80 | ((cp >> 6) & 0x3F)
    out[n + 3] = 0x80 | (cp & 0x3F)
    return n + 4


@cache
def _ascii_map(ignore: frozenset[str]) -> np.ndarray:
    """int16[256]: the byte an ASCII byte becomes (every ignored space: 32), _DROPPED or _WIDE."""
    flags = fold_tables().ascii_flags
    out = np.where(np.arange(256) < 128, np.arange(256), _WIDE).astype(np.int16)
    if "case" in ignore:
        out[65:91] += 32
    if "punctuation" in ignore:
        out[(flags & PUNCT) != 0] = _DROPPED
    if "whitespace" in ignore:
        out[(flags & SPACE) != 0] = _BLANK
    return out


@leaf
def _normalise(
    data: Any, start: int, end: int, t: FoldTables, ascii_map: Any, ignored: Any, out: Any
) -> Any:
    """Copy `data[start:end]` to `out` without what is ignored; returns the length.

    `ignored` is (drop, space, fold case): flag bits of characters that are deleted and that make
    a run, and whether case counts. Unless characters are deleted, eight bytes of printable ASCII
    without a run of spaces are copied at once. Other ASCII has no branch: each byte is written,
    and the write position moves if it counts.
    """
    drop, space, fold_case = ignored
    n = np.int64(0)
    i = start
    runs = space != 0
    in_run = runs  # so that spaces at the start are no run
    try_at = i if drop == 0 else end  # where eight bytes are tried next
    while i < end:
        if i >= try_at and i + 8 <= end:
            word = load_u64(data, i)
            blanks = spaces(word) if runs else np.uint64(0)
            if (
                all_printable(word)
                and (blanks & (blanks << _S8)) == 0
                and not (in_run and (blanks & _FIRST_BYTE))
            ):
                store_u64(out, n, lower(word) if fold_case else word)
                n += 8
                i += 8
                in_run = (blanks >> _S63) != 0
                continue
            try_at = i + 8
        m = ascii_map[data[i]]
        if m != _WIDE:
            i += 1
            is_space = runs & (m == _BLANK)
            out[n] = np.uint8(m)
            n += np.int64((m != _DROPPED) & (not (is_space & in_run)))
            in_run = is_space | ((m == _DROPPED) & in_run)
            continue
        cp, i = decode_utf8(data, i, end)
        entry = np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)
        flags = t.flags[entry]
        if flags & drop:
            continue
        if flags & space:
            if not in_run:
                out[n] = np.uint8(_BLANK)
                n += 1
                in_run = True
            continue
        n = _put(out, n, cp + t.delta[entry] if fold_case else cp)
        if fold_case and cp == DOTTED_I:
            n = _put(out, n, 0x307)
        in_run = False
    if runs and in_run and n > 0:
        n -= 1
    return n


@kernel
def _hash_all(
    data: Any, offsets: Any, t: FoldTables, ascii_map: Any, ignored: Any, out: Any
) -> None:
    drop, space, fold_case = ignored
    longest = 0
    for d in range(len(offsets) - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    # Lower case is at most half as long again (2 bytes become 3).
    words = np.zeros((longest + longest // 2) // 8 + 4, np.uint64)
    scratch = words.view(np.uint8)
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        if drop == 0 and space == 0 and not fold_case:
            n = end - start
            scratch[:n] = data[start:end]
        else:
            n = _normalise(data, start, end, t, ascii_map, ignored, scratch)
        scratch[n : (n + 15) // 16 * 16] = 0
        h1, h2 = murmur3_128(words, n)
        out[d, 0] = h1
        out[d, 1] = h2


def content_hash(text: pa.Array, ignore: Collection[str]) -> pa.Array:
    """Hash each document.

    Args:
        text: Documents, `string` or `large_string`; null reads as empty.
        ignore: Any of `whitespace`, `case`, `punctuation`.

    Returns:
        `binary` array of 16 bytes each: h1 and h2, little endian.

    Raises:
        ValueError: Unknown word in `ignore`.
    """
    unknown = set(ignore) - {"whitespace", "case", "punctuation"}
    if unknown:
        raise ValueError(f"cannot ignore {sorted(unknown)}")
    data, offsets = utf8_buffers(text)
    out = np.zeros((len(offsets) - 1, 2), "<u8")
    ignored = (
        np.uint8(PUNCT if "punctuation" in ignore else 0),
        np.uint8(SPACE if "whitespace" in ignore else 0),
        "case" in ignore,
    )
    _hash_all(data, offsets, fold_tables(), _ascii_map(frozenset(ignore)), ignored, out)
    return binary_rows(out.view(np.uint8).reshape(len(out), HASH_BYTES))


def binary_rows(rows: np.ndarray, present: np.ndarray | None = None) -> pa.Array:
    """A `binary` array from equally long rows.

    Args:
        rows: uint8 (n, width), contiguous.
        present: bool (m,) with n true entries: where the rows go; the other values are empty. None:
            every value is a row.
    """
    width = rows.shape[1]
    lengths = np.full(len(rows), width, np.int64) if present is None else present * width
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return pa.Array.from_buffers(
        pa.binary(),
        len(lengths),
        [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(rows))],
    )
