"""Second pass: scanners of URLs, addresses, literals, at the places the first pass marked."""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import (
    BLOCK,
    ONE,
    ZERO,
    after_last,
    count_between,
    first,
    next_set,
)
from mixcore.text.char_scan import (
    ANY_PLACE,
    AT,
    BACKSLASH,
    DOTS,
    DOTTED,
    HEX,
    PHONE,
    SPACE,
    SPACED,
    URL,
)
from mixcore.text.compiled import kernel, leaf
from mixcore.text.pattern_scan import escape_run
from mixcore.text.word_scanners import (
    IS_ALNUM,
    IS_HEX,
    IS_LETTER,
    count_emails,
    count_ipv4,
    is_word_at,
    ocr_chain,
    phone_end,
    url_bytes,
)

_IPV4_DOTS = 3


@leaf
def _word_around(bits: NDArray[np.uint64], at: int) -> tuple[int, int]:
    """Start and end of the W word that holds position `at`."""
    return after_last(bits, SPACE, at, ZERO), next_set(bits, SPACE, at)


@leaf
def _scan_place(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    bits: NDArray[np.uint64],
    kind: int,
    at: int,
    done: int,
    row: NDArray[np.int64],
) -> int:
    """Look at a place of `kind` at position `at`, not before `done`; gives the new `done`."""
    p = start + at
    if kind == BACKSLASH:
        m = p + 1
        while m < end and IS_LETTER[data[m]]:
            m += 1
        row[c.LATEX_CHARS] += m - p if m > p + 1 else 0
        if at >= done:
            return escape_run(data, p, end, row) - start
        return done
    if kind == HEX:
        m = p + 1
        while m < end and IS_HEX[data[m]]:
            m += 1
        if m > p + 1 and not is_word_at(data, m, end):
            row[c.HEX_CHARS] += m - p + 1
        return done
    if kind == SPACED:
        if p + 1 < end and (data[p] >= 128 or IS_LETTER[data[p + 1]]):
            ocr_chain(data, p - 1, end, row)
        return done
    if kind == PHONE:
        s = p - 1
        if s - 1 >= row[c.PHONE_END]:
            stop = phone_end(data, s, end)
            if stop > 0:
                row[c.PHONES] += 1
                row[c.PHONE_END] = stop
        return done
    if kind == DOTS:
        m = p + 1
        while m < end and data[m] == 46:
            m += 1
        row[c.ELLIPSIS] += (m - p + 2) // 3
        return done
    if at < done:
        return done
    if kind == AT and (p + 1 >= end or not IS_ALNUM[data[p + 1]]):
        return done
    s, e = _word_around(bits, at)
    if kind == AT:
        row[c.EMAILS] += count_emails(data, start + s, start + e)
    elif kind == URL:
        first_byte, stop = url_bytes(data, start + s, start + e)
        row[c.URL_CHARS] += u.count_chars(data, first_byte, stop)
    elif count_between(bits, DOTTED, s, e) >= _IPV4_DOTS:
        row[c.IPV4] += count_ipv4(data, start + s, start + e)
    return e


@kernel
def scan_marks(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    bits: NDArray[np.uint64],
    n_blocks: int,
    row: NDArray[np.int64],
) -> None:
    """Add what the scanners find to the counters; arguments and `bits` as of `scan_chars`.

    A word is given to a scanner once, at its first place; `done` remembers where it ends.
    """
    done = np.zeros(ANY_PLACE, np.int64)
    for k in range(n_blocks):
        if bits[k, ANY_PLACE] == ZERO:
            continue
        for kind in range(URL, ANY_PLACE):
            mask = bits[k, kind]
            while mask != ZERO:
                at = k * BLOCK + first(mask)
                mask &= mask - ONE
                done[kind] = _scan_place(data, start, end, bits, kind, at, done[kind], row)
