r"""Words as deduplication sees them: runs of `\w` in the lower-cased text, hashed to 64 bits.

Equal to `re.findall(r"\w+", text.lower())` of Python 3.11 (Unicode 14) up to these deviations:

- capital and final sigma both become sigma, where Python looks at the neighbours of a capital;
  words that differ in the form of their sigma only are one word here;
- a word is its 64-bit hash.

Text in scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Myanmar) follows `\w+` too: a
run up to the next mark is one word.

The hash is polynomial over lower-cased code points, `h = h * B + (code point + 1)` mod 2^64, then
mixed. Input is valid UTF-8 (ingest sees to it); invalid bytes give some hash, never an error or a
read out of bounds.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mixcore.text.compiled import kernel
from mixcore.text.make_fold_tables import DOTTED_I, PATH, WORD

SEPARATOR, NON_ASCII = 0, 255
"""Entries of `ascii_word` that are no lower-cased byte."""

_WORD, _ZERO, _ONE = np.uint8(WORD), np.uint64(0), np.uint64(1)
_B = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so the polynomial hash loses nothing mod 2^64 (2^64 divided by the golden ratio)."""
_MIX = np.uint64(0xBF58476D1CE4E5B9)
"""First multiplier of splitmix64's finalizer."""
_S29, _S32 = np.uint64(29), np.uint64(32)


class FoldTables(NamedTuple):
    """What the kernels look up; plain arrays, passed as one argument."""

    ascii_word: np.ndarray
    """uint8[256]: lower-cased byte of a word character, SEPARATOR, or NON_ASCII."""
    ascii_flags: np.ndarray
    """uint8[256]: WORD, SPACE, PUNCT bits of an ASCII byte; 0 above."""
    block_of: np.ndarray
    """uint16[4352]: block of `code point >> 8`."""
    flags: np.ndarray
    """uint8: WORD, SPACE, PUNCT bits by block and low byte."""
    delta: np.ndarray
    """int32: lower case minus code point by block and low byte."""


@functools.cache
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


@kernel
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


@kernel
def mix_token(h: Any) -> Any:
    """Spread the bits of a token's polynomial hash."""
    h ^= h >> _S29
    h *= _MIX
    return h ^ (h >> _S32)


@kernel
def token_hashes(data: Any, start: int, end: int, t: FoldTables, out: Any) -> int:
    """Hash the words of `data[start:end]` in order.

    Args:
        data: uint8 buffer of UTF-8.
        start: First byte of the document.
        end: One past its last byte.
        t: `fold_tables()`.
        out: uint64 with room for (end - start + 1) // 2 hashes, the most a document can have.

    Returns:
        Number of words written to `out`.
    """
    n = 0
    i = start
    h = _ZERO
    in_word = False
    while i < end:
        c = t.ascii_word[data[i]]
        if c != NON_ASCII:
            i += 1
            if c != SEPARATOR:
                h = h * _B + (np.uint64(c) + _ONE)
                in_word = True
                continue
        else:
            cp, i = decode_utf8(data, i, end)
            entry = np.int64(t.block_of[cp >> 8]) * 256 + (cp & 255)
            if t.flags[entry] & _WORD:
                h = h * _B + (np.uint64(cp + t.delta[entry]) + _ONE)
                in_word = True
                if cp != DOTTED_I:  # lower case is i and a combining dot, which ends the word
                    continue
        if in_word:
            out[n] = mix_token(h)
            n += 1
            h = _ZERO
            in_word = False
    if in_word:
        out[n] = mix_token(h)
        n += 1
    return n
