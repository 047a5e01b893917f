"""Fourth pass: lines of a document and their counters, from the bits of `char_scan`."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.byte_classes import (
    ALL,
    BLOCK,
    ONE,
    ZERO,
    after_last,
    clear_above,
    count,
    count_between,
    first,
    low_bits,
    next_clear,
    next_set,
    window,
)
from mixcore.text.char_scan import CONT, DIGIT, LINE_FEED, SPACE, UPPER
from mixcore.text.compiled import leaf

SHORT_LINE = 30  # FineWeb
# Fields of a row of `lines`: byte positions from the document's start, characters, breaks.
L_START, L_END, L_INNER_START, L_INNER_END, L_CHARS, L_BREAK = range(6)
LINE_FIELDS = 6
# Bits of L_BREAK: an empty line lies between this line and the non-blank one before it,
# after removal of one CR (paragraphs), or with no CR at all (DCLM's parts).
BREAK_PARA, BREAK_PART = 1, 2


@leaf
def _inner(bits: NDArray[np.uint64], s: int, e: int) -> tuple[int, int, bool]:
    """Bounds of `s` to `e` without outer whitespace, equal if it is blank; whether it is a word."""
    if s == e:
        return e, e, False
    if e - s <= BLOCK:
        solid = ~window(bits, SPACE, s) & low_bits(e - s)
        if solid == ZERO:
            return e, e, False
        skip = first(solid)
        run = solid >> np.uint64(skip)
        return s + skip, s + BLOCK - clear_above(solid), (run & (run + ONE)) == ZERO
    inner_s = next_clear(bits, SPACE, s, e)
    if inner_s == e:
        return e, e, False
    inner_e = after_last(bits, SPACE, e, ALL)
    return inner_s, inner_e, next_set(bits, SPACE, inner_s) == inner_e


@leaf
def _count(bits: NDArray[np.uint64], field: int, s: int, e: int) -> int:
    """As `count_between`; at once where a window holds it."""
    if s < e <= s + BLOCK:
        return count(window(bits, field, s) & low_bits(e - s))
    return count_between(bits, field, s, e)


@leaf
def split_lines(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    bits: NDArray[np.uint64],
    n_blocks: int,
    lines: NDArray[np.int32],
    n_lines: int,
    row: NDArray[np.int64],
) -> int:
    """Fill the counters of lines and append the non-blank lines to `lines`.

    Args:
        data: UTF-8 bytes, valid.
        start: first byte of the document.
        end: one past its last byte.
        bits: as filled by `scan_chars`; a line feed is added at the end of the document.
        n_blocks: blocks of the document.
        lines: (room, LINE_FIELDS) arena of non-blank lines; room for half the bytes + 1.
        n_lines: lines in the arena.
        row: the document's counters.

    Returns:
        Lines in the arena now.
    """
    size = end - start
    ascii_only = row[c.NON_ASCII] == 0
    n_all = n_blank = line_chars = max_line = short = single = upper = numeric = 0
    breaks = 0
    s = 0
    bits[size >> 6, LINE_FEED] |= ONE << np.uint64(size & 63)
    for k in range(n_blocks + 1):
        feeds = bits[k, LINE_FEED]
        while feeds != ZERO:
            feed = k * BLOCK + first(feeds)
            feeds &= feeds - ONE
            if feed == size and s == size:
                break
            stop = feed
            if stop > s and data[start + stop - 1] == 13:
                stop -= 1
            chars = stop - s
            if not ascii_only:
                chars -= _count(bits, CONT, s, stop)
            n_all += 1
            line_chars += chars
            max_line = max(max_line, chars)
            inner_s, inner_e, is_word = _inner(bits, s, stop)
            if inner_s == inner_e:
                n_blank += 1
                if feed == s:
                    breaks |= BREAK_PARA | BREAK_PART
                elif stop == s:
                    breaks |= BREAK_PARA
            else:
                short += chars <= SHORT_LINE
                single += is_word
                upper += 2 * _count(bits, UPPER, s, stop) > chars
                numeric += _count(bits, DIGIT, s, stop) == chars
                lines[n_lines, L_START] = s
                lines[n_lines, L_END] = stop
                lines[n_lines, L_INNER_START] = inner_s
                lines[n_lines, L_INNER_END] = inner_e
                lines[n_lines, L_CHARS] = chars
                lines[n_lines, L_BREAK] = breaks
                breaks = 0
                n_lines += 1
            s = feed + 1
    row[c.LINES] = n_all
    row[c.BLANK_LINES] = n_blank
    row[c.LINE_CHARS] = line_chars
    row[c.MAX_LINE] = max_line
    row[c.SHORT_LINES] = short
    row[c.SINGLE_WORD_LINES] = single
    row[c.UPPER_LINES] = upper
    row[c.NUMERIC_LINES] = numeric
    return n_lines
