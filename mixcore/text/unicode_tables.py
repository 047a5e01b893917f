"""The shipped Unicode tables and the compiled look-ups on them (Unicode 14.0, Python 3.11)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixcore.text.compiled import kernel

# Bits of a character's flags; made by make_unicode_tables.py, same order there.
ALPHA, WORD, ALNUM, DIGIT, DECIMAL, UPPER, NOT_UPPER, SPACE = (1 << i for i in range(8))
PUNCT, CONTROL, DT_PUNCT, TERMINAL, IGNORABLE, CASED, BULLET_RPV2, ASCII_PUNCT = (
    1 << i for i in range(8, 16)
)


class Tables(NamedTuple):
    """Three-stage look-up from code point to record (see make_unicode_tables.py)."""

    stage1: NDArray[np.int64]
    stage2: NDArray[np.int64]
    flags: NDArray[np.int64]
    delta: NDArray[np.int64]
    nfd: NDArray[np.int64]


def load() -> Tables:
    """Read the shipped tables, widened to i64 (numba mixes no signs then)."""
    path = Path(__file__).with_name("unicode_tables.npz")
    with np.load(path, allow_pickle=False) as file:
        return Tables(*(file[name].astype(np.int64) for name in Tables._fields))


@kernel
def record(tables: Tables, cp: int) -> int:
    """Record number of a code point in 0..0x10FFFF."""
    return tables.stage2[tables.stage1[cp >> 7] * 128 + (cp & 127)]


@kernel
def width(byte: int) -> int:
    """Bytes of the UTF-8 sequence that starts with this byte."""
    if byte < 0xC0:
        return 1
    return 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)


@kernel
def decode(data: NDArray[np.uint8], i: int, end: int) -> int:
    """Code point at `i`. `data[:end]` is valid UTF-8; anything else gives U+FFFD, in bounds."""
    b = np.int64(data[i])
    if b < 0x80:
        return b
    w = width(b)
    if w == 1 or i + w > end:
        return np.int64(0xFFFD)
    if w == 2:
        return ((b & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F)
    if w == 3:
        return (
            ((b & 0x0F) << 12)
            | ((np.int64(data[i + 1]) & 0x3F) << 6)
            | (np.int64(data[i + 2]) & 0x3F)
        )
    cp = (
        ((b & 0x07) << 18)
        | ((np.int64(data[i + 1]) & 0x3F) << 12)
        | ((np.int64(data[i + 2]) & 0x3F) << 6)
        | (np.int64(data[i + 3]) & 0x3F)
    )
    return cp if cp < 0x110000 else np.int64(0xFFFD)


@kernel
def step_back(data: NDArray[np.uint8], i: int, start: int) -> int:
    """Start of the character that ends just before `i` (`start` < `i`)."""
    i -= 1
    while i > start and (data[i] & 0xC0) == 0x80:
        i -= 1
    return i


@kernel
def count_chars(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Code points of `data[start:end]`."""
    n = 0
    for i in range(start, end):
        n += (data[i] & 0xC0) != 0x80
    return n
