"""The shipped Unicode tables and the compiled look-ups on them (Unicode 14.0, Python 3.11)."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixcore.text.compiled import leaf

# Bits of a character's flags; made by make_unicode_tables.py, same order there.
ALPHA, WORD, ALNUM, DIGIT, DECIMAL, UPPER, NOT_UPPER, SPACE = (1 << i for i in range(8))
PUNCT, CONTROL, DT_PUNCT, TERMINAL, IGNORABLE, CASED, BULLET_RPV2, ASCII_PUNCT = (
    1 << i for i in range(8, 16)
)


LANES = (ALPHA, ALNUM, DIGIT, UPPER, PUNCT, CONTROL)
LANE_ROOM = 255  # characters a lane of PACKED can count


def load() -> dict[str, NDArray[np.int64]]:
    """Read the shipped tables, widened to i64 (numba mixes no signs then)."""
    path = Path(__file__).with_name("unicode_tables.npz")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].astype(np.int64) for name in file.files}


def _packed(flags: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lane k (bits 8 k to 8 k + 7) is 1 if the flags hold LANES[k]."""
    lanes = [((flags & bit) != 0).astype(np.int64) << (8 * k) for k, bit in enumerate(LANES)]
    return np.asarray(np.sum(lanes, axis=0), np.int64)


# Globals, not arguments: numba freezes them into the code, and no loop counts references.
_TABLES = load()
_STAGE1 = _TABLES["stage1"].astype(np.uint16)
_STAGE2 = _TABLES["stage2"].astype(np.uint16)
FLAGS, DELTA, NFD = (_TABLES[name] for name in ("flags", "delta", "nfd"))
"""By record: the bits above; lower-case code point minus code point; length after NFD."""
PACKED = _packed(FLAGS)
"""By record: six classes as 8-bit lanes; one addition counts all of them."""
ASCII_RECORD = _TABLES["stage2"][_TABLES["stage1"][0] * 128 + np.arange(128)]
"""By ASCII character: its record."""


@leaf
def record(cp: int) -> int:
    """Record number of a code point in 0..0x10FFFF."""
    return np.int64(_STAGE2[(np.int64(_STAGE1[cp >> 7]) << 7) | (cp & 127)])


@leaf
def width(byte: int) -> int:
    """Bytes of the UTF-8 sequence that starts with this byte."""
    if byte < 0xC0:
        return 1
    return 2 if byte < 0xE0 else (3 if byte < 0xF0 else 4)


@leaf
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


@leaf
def step_back(data: NDArray[np.uint8], i: int, start: int) -> int:
    """Start of the character that ends just before `i` (`start` < `i`)."""
    i -= 1
    while i > start and (data[i] & 0xC0) == 0x80:
        i -= 1
    return i


@leaf
def count_chars(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Code points of `data[start:end]`."""
    n = 0
    for i in range(start, end):
        n += (data[i] & 0xC0) != 0x80
    return n
