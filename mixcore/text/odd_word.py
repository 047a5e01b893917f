"""The hash of an N word, and the slow way to it for words with characters beyond ASCII.

The hash takes the word's lower-cased UTF-8 without ASCII punctuation, eight bytes at a time, and
its length. Two different words of one document share it with probability of about n^2 / 2^65
(n distinct words; text not made to collide): 3e-8 for a million. The hash has no key, so it is
no defence against an attacker.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import ZERO
from mixcore.text.compiled import leaf

SEED = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
_CHUNK = np.uint64(0xD6E8FEB86659FD93)  # odd, as multiplying must lose nothing
_LAST = np.uint64(0xBF58476D1CE4E5B9)
_S29, _S32 = np.uint64(29), np.uint64(32)
_CHUNK_BYTES = 8


@leaf
def add_chunk(h: Any, chunk: Any) -> Any:
    """The hash after eight more bytes."""
    h = (h ^ chunk) * _CHUNK
    return h ^ (h >> _S29)


@leaf
def finish(h: Any, chunk: Any, n_bytes: int) -> Any:
    """The hash after the last `n_bytes % 8` bytes of a word of `n_bytes`."""
    h = (h ^ chunk) * _CHUNK
    h = (h ^ (h >> _S29) ^ np.uint64(n_bytes)) * _LAST
    return h ^ (h >> _S32)


@leaf
def add_char(h: Any, chunk: Any, n: int, cp: int) -> Any:
    """(hash, bytes not hashed yet, bytes of the word so far) after a code point's UTF-8."""
    if cp < 0x80:
        width, code = 1, cp
    elif cp < 0x800:
        width, code = 2, (0xC0 | (cp >> 6)) | ((0x80 | (cp & 63)) << 8)
    elif cp < 0x10000:
        width = 3
        code = (0xE0 | (cp >> 12)) | ((0x80 | ((cp >> 6) & 63)) << 8) | ((0x80 | (cp & 63)) << 16)
    else:
        width = 4
        code = (0xF0 | (cp >> 18)) | ((0x80 | ((cp >> 12) & 63)) << 8)
        code |= ((0x80 | ((cp >> 6) & 63)) << 16) | ((0x80 | (cp & 63)) << 24)
    held = n & 7
    chunk |= np.uint64(code) << np.uint64(8 * held)
    if held + width >= _CHUNK_BYTES:
        h = add_chunk(h, chunk)
        chunk = np.uint64(code) >> np.uint64(8 * (_CHUNK_BYTES - held))
    return h, chunk, n + width


@leaf
def word_hash(code_points: NDArray[np.int64]) -> np.uint64:
    """The hash of a word given as lower-cased code points (for stop lists and tests)."""
    h, chunk, n = SEED, ZERO, 0
    for i in range(code_points.shape[0]):
        h, chunk, n = add_char(h, chunk, n, code_points[i])
    return finish(h, chunk, n)


@leaf
def _ends_final_sigma(
    data: NDArray[np.uint8],
    i: int,
    end: int,
    after_cased: bool,  # noqa: FBT001
) -> bool:
    """Whether a capital sigma before `i` is a final one (ASCII marks not seen)."""
    if not after_cased:
        return False
    while i < end:
        flags = u.FLAGS[u.record(u.decode(data, i, end))]
        if not (flags & u.ASCII_PUNCT) and not (flags & u.IGNORABLE):
            return (flags & u.CASED) == 0
        i += u.width(data[i])
    return True


@leaf
def odd_word(data: NDArray[np.uint8], s: int, e: int) -> tuple[int, int, int, np.uint64]:
    """Measure the W word `data[s:e]`; gives characters, N length, NFD length and hash."""
    h, chunk, n = SEED, ZERO, 0
    chars = norm = nfd = 0
    after_cased = False
    i = s
    while i < e:
        cp = u.decode(data, i, e)
        i += u.width(data[i])
        chars += 1
        rec = u.record(cp)
        f = u.FLAGS[rec]
        if f & u.ASCII_PUNCT:
            continue
        norm += 1
        nfd += u.NFD[rec]
        low = cp + u.DELTA[rec]
        if cp == 0x130:  # the one letter with two lower-case code points
            h, chunk, n = add_char(h, chunk, n, 0x69)
            low = 0x307
            norm += 1
        elif cp == 0x3A3 and _ends_final_sigma(data, i, e, after_cased):
            low = 0x3C2
        h, chunk, n = add_char(h, chunk, n, low)
        if not (f & u.IGNORABLE):
            after_cased = (f & u.CASED) != 0
    return chars, norm, nfd, finish(h, chunk, n)
