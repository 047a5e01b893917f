r"""Words as deduplication sees them: runs of `\w` in the lower-cased text, hashed to 64 bits.

Equal to `re.findall(r"\w+", text.lower())` of Python 3.11 (Unicode 14) up to these deviations:

- capital and final sigma both become sigma, where Python looks at the neighbours of a capital;
  words that differ in the form of their sigma only are one word here;
- a word is its 64-bit hash.

Text in scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Myanmar) follows `\w+` too: a
run up to the next mark is one word. `unit_hashes` reads such scripts letter by letter instead.

The hash takes the word's lower-cased UTF-8 eight bytes at a time, zero at the end. Words are found
by masks of 64 bytes; those of ASCII are lower-cased and hashed without looking at single bytes.
Input is valid UTF-8 (ingest sees to it); invalid bytes give some hash, never an error or a read
out of bounds.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mixcore.text.byte_classes import (
    ALL,
    BLOCK,
    ONE,
    ZERO,
    after,
    first,
    load_eight,
    low_bits,
    word_classes,
)
from mixcore.text.compiled import leaf
from mixcore.text.eight_bytes import load_u64, lower
from mixcore.text.make_fold_tables import DOTTED_I, PATH, SCRIPT_SHIFT, SCRIPTS, SPACE, WORD

SEPARATOR, NON_ASCII = 0, 255
"""Entries of `ascii_word` that are no lower-cased byte."""

_WORD, _ZERO = np.uint8(WORD), np.uint64(0)
_SCRIPT_SHIFT = np.uint8(SCRIPT_SHIFT)
_SEED = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio."""
_CHUNK, _MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""Multipliers of splitmix64's finalizer."""
_S8, _S29, _S32 = np.uint64(8), np.uint64(29), np.uint64(32)
_CHUNK_BYTES = 8
_SPACE = np.uint8(SPACE)
_BLANK, _COMBINING_DOT = np.uint64(0x20), np.uint64(0x87CC)
"""A space, and U+0307 as UTF-8."""


class FoldTables(NamedTuple):
    """What the kernels look up; plain arrays, passed as one argument."""

    ascii_word: np.ndarray
    """uint8[256]: lower-cased byte of a word character, SEPARATOR, or NON_ASCII."""
    ascii_flags: np.ndarray
    """uint8[256]: WORD, SPACE, PUNCT bits of an ASCII byte; 0 above."""
    block_of: np.ndarray
    """uint16[4352]: block of `code point >> 8`."""
    flags: np.ndarray
    """uint8: WORD, SPACE, PUNCT bits and script by block and low byte."""
    delta: np.ndarray
    """int32: lower case minus code point by block and low byte."""


@cache
def fold_tables() -> FoldTables:
    """The tables of the package, read once a process."""
    with np.load(PATH) as stored:
        index, flags, delta = stored["index"], stored["flags"], stored["delta"]
    low = np.arange(128) + int(index[0]) * 256
    ascii_flags = np.zeros(256, np.uint8)
    ascii_flags[:128] = flags[low]
    ascii_word = np.full(256, NON_ASCII, np.uint8)
    lower = (np.arange(128) + delta[low]).astype(np.uint8)
    ascii_word[:128] = np.where(ascii_flags[:128] & WORD, lower, SEPARATOR)
    return FoldTables(ascii_word, ascii_flags, index, flags, delta)


@cache
def script_tables(scripts: frozenset[str]) -> FoldTables:
    """As `fold_tables`, for `unit_hashes`: only these scripts are marked, and end a word."""
    tables = fold_tables()
    script = tables.flags >> SCRIPT_SHIFT
    marked = np.isin(script, [i for i, name in enumerate(SCRIPTS, 1) if name in scripts])
    plain = tables.flags & ((1 << SCRIPT_SHIFT) - 1)
    return tables._replace(flags=np.where(marked, tables.flags & ~np.uint8(WORD), plain))


def utf8_buffers(text: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and offsets of a string array, without a copy of the bytes.

    Args:
        text: `string` or `large_string`, possibly sliced; nulls read as empty.

    Returns:
        (bytes uint8, offsets int64 of length n + 1 into them).
    """
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    if text.null_count:
        text = text.fill_null("")
    wide = pa.types.is_large_string(text.type)
    _, offsets_buffer, data_buffer = text.buffers()
    if len(text) == 0 or offsets_buffer is None:
        return np.zeros(0, np.uint8), np.zeros(len(text) + 1, np.int64)
    offsets = np.frombuffer(offsets_buffer, np.int64 if wide else np.int32)
    offsets = offsets[text.offset : text.offset + len(text) + 1].astype(np.int64)
    data = np.zeros(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return data, offsets


@leaf
def decode_utf8(data: Any, i: int, end: int) -> Any:
    """(code point, index after it) of the character that starts at `i`; clipped at `end`."""
    c = np.int64(data[i])
    if c < 0x80:
        return c, i + 1
    if c < 0xE0:
        n, cp = 1, c & 0x1F
    elif c < 0xF0:
        n, cp = 2, c & 0x0F
    else:
        n, cp = 3, c & 0x07
    stop = min(i + 1 + n, end)
    for j in range(i + 1, stop):
        cp = (cp << 6) | (np.int64(data[j]) & 0x3F)
    return min(cp, 0x10FFFF), stop


@leaf
def _add_chunk(h: Any, chunk: Any) -> Any:
    h = (h ^ chunk) * _CHUNK
    return h ^ (h >> _S29)


@leaf
def _finish(h: Any) -> Any:
    h *= _MIX
    return h ^ (h >> _S32)


@leaf
def _utf8_of(cp: int) -> Any:
    """(bytes of a code point as a little-endian word, how many)."""
    c = np.uint64(cp)
    low = np.uint64(0x3F)
    tail = np.uint64(0x80)
    s6, s12, s18 = np.uint64(6), np.uint64(12), np.uint64(18)
    s16, s24 = np.uint64(16), np.uint64(24)
    last = tail | (c & low)
    if cp < 0x80:
        return c, 1
    if cp < 0x800:
        return (np.uint64(0xC0) | (c >> s6)) | (last << _S8), 2
    middle = tail | ((c >> s6) & low)
    if cp < 0x10000:
        return (np.uint64(0xE0) | (c >> s12)) | (middle << _S8) | (last << s16), 3
    second = tail | ((c >> s12) & low)
    return (np.uint64(0xF0) | (c >> s18)) | (second << _S8) | (middle << s16) | (last << s24), 4


@leaf
def _any_word(data: Any, i: int, end: int, t: FoldTables) -> Any:
    """(hash, index after it) of the word that starts at `i`, character by character."""
    h = _SEED
    chunk = _ZERO
    n = 0
    while i < end:
        cp, after = decode_utf8(data, i, end)
        entry = np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)
        if not (t.flags[entry] & _WORD):
            break
        i = after
        encoded, width = _utf8_of(cp + np.int64(t.delta[entry]))
        for _ in range(width):
            chunk |= (encoded & np.uint64(255)) << np.uint64(8 * n)
            encoded >>= _S8
            n += 1
            if n == _CHUNK_BYTES:
                h = _add_chunk(h, chunk)
                chunk = _ZERO
                n = 0
        if cp == DOTTED_I:  # lower case is i and a combining dot, which ends the word
            break
    if n:
        h = _add_chunk(h, chunk)
    return _finish(h), i


@leaf
def _ascii_word(data: Any, s: int, e: int) -> Any:
    """Hash of the ASCII word `data[s:e]`."""
    h = _SEED
    if e - s <= 2 * _CHUNK_BYTES and s + 2 * _CHUNK_BYTES <= data.shape[0]:
        # Most words: no branch on their length, which no processor foresees.
        size = min(e - s, _CHUNK_BYTES)
        h = _add_chunk(h, lower(load_u64(data, s)) & low_bits(8 * size))
        more = max(e - s - _CHUNK_BYTES, 1)
        longer = _add_chunk(h, lower(load_u64(data, s + _CHUNK_BYTES)) & low_bits(8 * more))
        return _finish(longer if e - s > _CHUNK_BYTES else h)
    while s < e:
        size = min(e - s, _CHUNK_BYTES)
        h = _add_chunk(h, lower(load_eight(data, s)) & low_bits(8 * size))
        s += size
    return _finish(h)


@leaf
def _odd_words(
    data: Any, i: int, end: int, t: FoldTables, out: Any, n: int, weights: Any, weight: Any
) -> int:
    """Append the words of `data[i:end]`, character by character; gives the new length.

    With `weight` (else empty) characters of marked scripts are units of their own.
    """
    split = len(weight) > 0
    while i < end:
        cp, after = decode_utf8(data, i, end)
        flags = t.flags[np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)]
        if flags & _WORD:
            out[n], i = _any_word(data, i, end, t)
            n += 1
        else:
            if split and flags >> _SCRIPT_SHIFT:
                out[n] = _finish(_add_chunk(_SEED, _utf8_of(cp)[0]))
                weight[n] = weights[flags >> _SCRIPT_SHIFT]
                n += 1
            i = after
    return n


@leaf
def char_hashes(data: Any, start: int, end: int, t: FoldTables, out: Any) -> int:
    """Hash the characters of `data[start:end]` in order, each as a word of one character.

    Characters are lower-cased; a run of white space is one space, none at the ends.

    Args:
        data: uint8 buffer of UTF-8.
        start: First byte of the document.
        end: One past its last byte.
        t: `fold_tables()`.
        out: uint64 with room for end - start hashes.

    Returns:
        Number of characters written to `out`.
    """
    n = 0
    i = start
    blank = False
    while i < end:
        c = data[i]
        if c < 0x80:
            is_space = (t.ascii_flags[c] & _SPACE) != 0
            code = np.uint64(c) + (np.uint64(c - 65 < 26 and c >= 65) << np.uint64(5))
            is_dotted = False
            i += 1
        else:
            cp, i = decode_utf8(data, i, end)
            entry = np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)
            is_space = (t.flags[entry] & _SPACE) != 0
            code = _utf8_of(cp + np.int64(t.delta[entry]))[0]
            is_dotted = cp == DOTTED_I
        if is_space:
            blank = n > 0
            continue
        if blank:
            out[n] = _finish(_add_chunk(_SEED, _BLANK))
            n += 1
            blank = False
        out[n] = _finish(_add_chunk(_SEED, code))
        n += 1
        if is_dotted:  # its lower case are two characters
            out[n] = _finish(_add_chunk(_SEED, _COMBINING_DOT))
            n += 1
    return n


@leaf
def _word_masks(data: Any, i: int, end: int, t: FoldTables) -> Any:
    """`word_classes` at `i`, without bits from `end` on."""
    left = min(end - i, BLOCK)
    word = high = ZERO
    if left > 0 and i + BLOCK <= data.shape[0]:
        word, high = word_classes(data, i)
        return word & low_bits(left), high & low_bits(left)
    for j in range(left):
        lowered = t.ascii_word[data[i + j]]
        word |= np.uint64(lowered != SEPARATOR) << np.uint64(j)
        high |= np.uint64(lowered == NON_ASCII) << np.uint64(j)
    return word, high


@leaf
def unit_hashes(
    data: Any, start: int, end: int, t: FoldTables, out: Any, weights: Any, weight: Any
) -> int:
    """Hash the words of `data[start:end]` in order, letter by letter in marked scripts.

    Args:
        data: uint8 buffer of UTF-8.
        start: First byte of the document.
        end: One past its last byte.
        t: `fold_tables()` or `script_tables(..)`.
        out: uint64 with room for (end - start + 1) // 2 hashes, the most a document can have.
        weights: uint64; of a word, and of a letter of each of SCRIPTS.
        weight: uint64, room as `out`: receives the weight of each unit; empty: words only.

    Returns:
        Number of units written to `out`.
    """
    if len(weight):
        weight[: (end - start + 1) // 2] = weights[0]
    n = 0
    s = start
    is_open = False  # a word began in a block before
    odd = False  # and has a character beyond ASCII so far
    before = ZERO
    for base in range(start, end + 1, BLOCK):  # one more block if the last is full
        word, high = _word_masks(data, base, end, t)
        starts = word & ~after(word, before)
        ends = ~word & after(word, before)
        before = word
        while ends != ZERO:
            at = first(ends)
            ends &= ends - ONE
            upto = high & ~(ALL << np.uint64(at))
            if not is_open:
                odd = False
                s = base + first(starts)
                upto &= ALL << np.uint64(first(starts))
                starts &= starts - ONE
            is_open = False
            if odd or upto != ZERO:
                n = _odd_words(data, s, base + at, t, out, n, weights, weight)
            else:
                out[n] = _ascii_word(data, s, base + at)
                n += 1
        if starts != ZERO:
            s = base + first(starts)
            is_open = True
            odd = (high & (ALL << np.uint64(first(starts)))) != ZERO
        elif is_open:
            odd |= high != ZERO
    return n


@leaf
def token_hashes(data: Any, start: int, end: int, t: FoldTables, out: Any) -> int:
    """As `unit_hashes`, of words only.

    Returns:
        Number of words written to `out`.
    """
    n: int = unit_hashes(data, start, end, t, out, out[:0], out[:0])
    return n
