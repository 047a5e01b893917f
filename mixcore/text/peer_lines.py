r"""Lines as peers cut them, for signals on demand: marks at their ends, and copies of them.

Cuts: `SPLITLINES` is Python's `str.splitlines` (LF, CR, CRLF, U+000B, 000C, 001C-001E, 0085, 2028,
2029; no empty part at the end), `FEEDS` a split at `\n+`, `FEED` one at every `\n`; both of these
keep empty parts at the edges. `FULL_FEED` has the parts of `FEED` stripped, blank ones left out.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import unicode_tables as u
from mixcore.text.compiled import leaf
from mixcore.text.line_scan import hash_bytes
from mixcore.text.repetition import number_keys

SPLITLINES, FEEDS, FEED, FULL_FEED = range(4)
LF, CR = 10, 13


@leaf
def line_end(data: NDArray[np.uint8], i: int, end: int) -> int:
    """Bytes of the line end of `str.splitlines` at `i`, 0 if there is none."""
    b = data[i]
    if b > 0x1E and b != 0xC2 and b != 0xE2:
        return 0
    if b == CR:
        return 2 if i + 1 < end and data[i + 1] == LF else 1
    if 10 <= b <= 12 or 0x1C <= b <= 0x1E:
        return 1
    if b == 0xC2:
        return 2 if i + 1 < end and data[i + 1] == 0x85 else 0
    if b == 0xE2 and i + 2 < end and data[i + 1] == 0x80:
        return 3 if data[i + 2] == 0xA8 or data[i + 2] == 0xA9 else 0
    return 0


@leaf
def skip_space(data: NDArray[np.uint8], i: int, end: int) -> int:
    """First position from `i` on that is no whitespace, else `end`."""
    while i < end and u.FLAGS[u.record(u.decode(data, i, end))] & u.SPACE:
        i += u.width(data[i])
    return i


@leaf
def trim_space(data: NDArray[np.uint8], start: int, end: int) -> int:
    """End of `data[start:end]` without whitespace at its end."""
    while end > start:
        last = u.step_back(data, end, start)
        if not u.FLAGS[u.record(u.decode(data, last, end))] & u.SPACE:
            break
        end = last
    return end


@leaf
def strip_joined(
    data: NDArray[np.uint8], lines: NDArray[np.int64], first: int, last: int
) -> tuple[int, int]:
    """Strip `lines[first:last]`, taken as one text joined by line feeds; gives what is left.

    Blank lines at both ends go; the outer bounds of the lines then at the ends are moved.
    """
    while first < last:
        lines[first, 0] = skip_space(data, lines[first, 0], lines[first, 1])
        if lines[first, 0] < lines[first, 1]:
            break
        first += 1
    while first < last:
        lines[last - 1, 1] = trim_space(data, lines[last - 1, 0], lines[last - 1, 1])
        if lines[last - 1, 0] < lines[last - 1, 1]:
            break
        last -= 1
    return first, last


@leaf
def _cut_at_feeds(
    data: NDArray[np.uint8], start: int, end: int, cut: int, lines: NDArray[np.int64]
) -> int:
    n = 0
    s = start
    i = start
    while i <= end:
        if i < end and data[i] != LF:
            i += 1
            continue
        a, b = s, i
        if cut == FULL_FEED:
            a = skip_space(data, s, i)
            b = trim_space(data, a, i)
        if cut != FULL_FEED or a < b:
            lines[n, 0] = a
            lines[n, 1] = b
            n += 1
        i += 1
        while cut == FEEDS and i < end and data[i] == LF:
            i += 1
        s = i
    return n


@leaf
def cut_lines(
    data: NDArray[np.uint8], start: int, end: int, cut: int, lines: NDArray[np.int64]
) -> int:
    """Byte ranges of the lines of `data[start:end]`; gives how many there are.

    Args:
        data: UTF-8 bytes, valid.
        start: first byte of the text.
        end: one past its last byte.
        cut: one of the module's constants.
        lines: filled with (start, end); room for one a byte + 1.
    """
    if cut != SPLITLINES:
        return _cut_at_feeds(data, start, end, cut, lines)
    n = 0
    s = start
    i = start
    while i < end:
        size = line_end(data, i, end)
        if size == 0:
            i += 1
            continue
        lines[n, 0] = s
        lines[n, 1] = i
        n += 1
        i += size
        s = i
    if s < end:
        lines[n, 0] = s
        lines[n, 1] = end
        n += 1
    return n


@leaf
def copies(
    data: NDArray[np.uint8],
    lines: NDArray[np.int64],
    n: int,
    slots: NDArray[np.uint32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> tuple[int, int, int, int]:
    """(second and later copies, their characters, all copies of repeated lines, theirs)."""
    for i in range(n):
        keys[i] = hash_bytes(data, lines[i, 0], lines[i, 1])
    if number_keys(keys, n, slots, first_key, ids, counts) == n:
        return 0, 0, 0, 0
    later = later_chars = every = every_chars = 0
    seen = 0
    for i in range(n):
        if counts[ids[i]] > 1:
            chars = u.count_chars(data, lines[i, 0], lines[i, 1])
            every += 1
            every_chars += chars
            if ids[i] <= seen:
                later += 1
                later_chars += chars
        seen = max(seen, np.int64(ids[i]))
    return later, later_chars, every, every_chars


@leaf
def ends_in_dots(data: NDArray[np.uint8], s: int, e: int) -> bool:
    """Whether `data[s:e]` ends in `...`."""
    return e - s >= 3 and data[e - 1] == 46 and data[e - 2] == 46 and data[e - 3] == 46


@leaf
def ends_in_ellipsis_char(data: NDArray[np.uint8], s: int, e: int) -> bool:
    """Whether `data[s:e]` ends in U+2026."""
    return e - s >= 3 and data[e - 3] == 0xE2 and data[e - 2] == 0x80 and data[e - 1] == 0xA6
