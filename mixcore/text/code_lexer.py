r"""A small lexer: which bytes of a file are comments, which are strings.

At each place outside of both, in this order: a block comment (to its end mark, else to the end of
the text), a comment to the end of the line, a string in three quotes, a string. A string of one
line ends before the line feed at the latest. A string in three quotes that begins a line is a
comment.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text.code_families import (
    BACK,
    CLOSE,
    DOUBLE,
    ESCAPES,
    GAP,
    LINE_1,
    LINE_2,
    MANY_LINES,
    OPEN,
    SINGLE,
    TABLE,
    TRIPLE,
)
from mixcore.text.compiled import leaf

CODE, COMMENT, QUOTE, STRING = range(4)
"""Classes of bytes; QUOTE is the marks around a string."""
_BACKSLASH, _LF = 92, 10


@leaf
def _stands(data: NDArray[np.uint8], i: int, end: int, f: int, mark: int) -> bool:
    """Whether a mark of family `f` stands at `i`."""
    size = TABLE[f, mark + 1]
    if size == 0 or i + size > end:
        return False
    word = np.int64(0)
    for k in range(size):
        word |= np.int64(data[i + k]) << (8 * k)
    return word == TABLE[f, mark]


@leaf
def _in_gap(data: NDArray[np.uint8], i: int, start: int) -> bool:
    """Whether ASCII whitespace, or nothing, stands before `i`."""
    return i == start or data[i - 1] == 32 or 9 <= data[i - 1] <= 13


@leaf
def _mode_of(b: int, f: int) -> int:
    """How byte `b` quotes strings in family `f`."""
    if b == 34:
        return TABLE[f, DOUBLE]
    if b == 39:
        return TABLE[f, SINGLE]
    return TABLE[f, BACK] if b == 96 else 0


@leaf
def _fill(classes: NDArray[np.uint8], s: int, e: int, value: int) -> None:
    for k in range(s, e):
        classes[k] = value


@leaf
def _string(
    data: NDArray[np.uint8],
    i: int,
    end: int,
    f: int,
    size: int,
    mode: int,
    base: int,
    classes: NDArray[np.uint8],
) -> int:
    """Mark the string whose `size` quotes begin at `i`; gives where it ends."""
    quote = data[i]
    j = i + size
    closed = 0
    while j < end:
        b = data[j]
        if b == _BACKSLASH and TABLE[f, ESCAPES]:
            j += 2
            continue
        if b == _LF and mode != MANY_LINES:
            break
        if b == quote:
            run = 1
            while run < size and j + run < end and data[j + run] == quote:
                run += 1
            if run == size:
                closed = size
                break
        j += 1
    j = min(j, end)
    _fill(classes, i - base, i + size - base, QUOTE)
    _fill(classes, i + size - base, j - base, STRING)
    _fill(classes, j - base, j + closed - base, QUOTE)
    return j + closed


@leaf
def lex(data: NDArray[np.uint8], start: int, end: int, f: int, classes: NDArray[np.uint8]) -> None:
    """Classes of the bytes of `data[start:end]` into `classes`, from 0 on.

    Args:
        data: UTF-8 bytes.
        start: first byte of the text.
        end: one past its last byte.
        f: index into `code_families.NAMES`.
        classes: filled; room for the bytes.
    """
    i = start
    blank = True  # nothing but whitespace in the line so far
    while i < end:
        b = data[i]
        j = i
        if _stands(data, i, end, f, OPEN):
            j = i + TABLE[f, OPEN + 1]
            while j < end and not _stands(data, j, end, f, CLOSE):
                j += 1
            j = min(j + TABLE[f, CLOSE + 1], end)
            _fill(classes, i - start, j - start, COMMENT)
        elif (_stands(data, i, end, f, LINE_1) or _stands(data, i, end, f, LINE_2)) and (
            not TABLE[f, GAP] or _in_gap(data, i, start)
        ):
            while j < end and data[j] != _LF:
                j += 1
            _fill(classes, i - start, j - start, COMMENT)
        elif _mode_of(b, f):
            is_triple = TABLE[f, TRIPLE] and i + 2 < end and data[i + 1] == b and data[i + 2] == b
            if is_triple:
                j = _string(data, i, end, f, 3, MANY_LINES, start, classes)
                if blank:
                    _fill(classes, i - start, j - start, COMMENT)
            else:
                j = _string(data, i, end, f, 1, _mode_of(b, f), start, classes)
        if j > i:
            blank = False
            i = j
            continue
        classes[i - start] = CODE
        if b == _LF:
            blank = True
        elif b != 32 and b != 9:
            blank = False
        i += 1
