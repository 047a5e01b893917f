"""Second pass: marks and copies of lines and paragraphs, on the lines `word_scan` found.

A line, paragraph or part is compared by a 64-bit hash of its bytes: two different ones of a
document are taken for copies with probability of about n^2 / 2^65 (n of them; no key).
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.byte_classes import load_eight, low_bits
from mixcore.text.compiled import leaf
from mixcore.text.eight_bytes import load_u64
from mixcore.text.line_split import (
    BREAK_PARA,
    BREAK_PART,
    L_BREAK,
    L_CHARS,
    L_END,
    L_INNER_END,
    L_INNER_START,
    L_START,
)
from mixcore.text.repetition import number_keys
from mixcore.text.word_scanners import IS_LETTER

_SEED = np.uint64(0x2545F4914F6CDD1D)
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_ROTATE, _FOLD = np.uint64(29), np.uint64(32)
_LONG = 64  # bytes from which four chains pay
_COUNTER_NOUNS = (
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes",
    "downvotes", "downloads", "views", "followers",
)  # fmt: skip
COUNTER_NOUNS = _COUNTER_NOUNS
_NOUN_BYTES = np.frombuffer("".join(_COUNTER_NOUNS).encode(), np.uint8)
_NOUN_OFFSETS = np.cumsum([0] + [len(n) for n in _COUNTER_NOUNS])


@leaf
def _step(h: Any, word: Any) -> Any:
    h = (h ^ word) * _MULTIPLIER
    return h ^ (h >> _ROTATE)


@leaf
def hash_bytes(data: Any, start: int, end: int) -> Any:
    """64-bit hash of `data[start:end]`, eight bytes a step, in four chains if it is long."""
    h = _SEED ^ np.uint64(end - start)
    i = start
    if end - start >= _LONG:
        g, k, m = h + _MULTIPLIER, h ^ _MULTIPLIER, ~h
        while i + 32 <= end:
            h = _step(h, load_u64(data, i))
            g = _step(g, load_u64(data, i + 8))
            k = _step(k, load_u64(data, i + 16))
            m = _step(m, load_u64(data, i + 24))
            i += 32
        h = _step(_step(_step(h, g), k), m)
    while i + 8 <= end:
        h = _step(h, load_u64(data, i))
        i += 8
    if i < end:
        tail = load_eight(data, i) & low_bits(8 * (end - i))
        h = _step(h, tail)
    return h ^ (h >> _FOLD)


@leaf
def is_counter_line(data: NDArray[np.uint8], s: int, e: int) -> bool:
    r"""`\W*\d[\d,.]*[kmb]?\s+(likes|shares|...)\W*` over the whole line, any ASCII case."""
    i = s
    while i < e:
        flags = u.FLAGS[u.record(u.decode(data, i, e))]
        if flags & u.WORD:
            break
        i += u.width(data[i])
    digits = 0
    while i < e:
        flags = u.FLAGS[u.record(u.decode(data, i, e))]
        if flags & u.DECIMAL:
            digits += 1
        elif digits == 0 or (data[i] != 44 and data[i] != 46):
            break
        i += u.width(data[i])
    if digits == 0 or i >= e:
        return False
    suffix = data[i] | 32
    if suffix == 107 or suffix == 109 or suffix == 98:
        i += 1
    spaces = 0
    while i < e and u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE:
        spaces += 1
        i += u.width(data[i])
    if spaces == 0:
        return False
    matched = 0
    for k in range(_NOUN_OFFSETS.shape[0] - 1):
        n = _NOUN_OFFSETS[k + 1] - _NOUN_OFFSETS[k]
        if i + n > e:
            continue
        same = True
        for j in range(n):
            if (data[i + j] | 32) != _NOUN_BYTES[_NOUN_OFFSETS[k] + j]:
                same = False
                break
        if same:
            matched = n
            break
    if matched == 0:
        return False
    i += matched
    while i < e:
        if u.FLAGS[u.record(u.decode(data, i, e))] & u.WORD:
            return False
        i += u.width(data[i])
    return True


@leaf
def _line_marks(
    data: NDArray[np.uint8], inner_s: int, inner_e: int, e: int, row: NDArray[np.int64]
) -> None:
    """Count the marks at both ends of a non-blank line that ends at `e`."""
    first = data[inner_s]
    if not IS_LETTER[first]:
        cp = u.decode(data, inner_s, inner_e)
        row[c.BULLET_LINES] += cp == 0x2022 or cp == 45
        if cp >= 128:
            row[c.RPV2_BULLET_LINES] += (u.FLAGS[u.record(cp)] & u.BULLET_RPV2) != 0
        row[c.COUNTER_LINES] += is_counter_line(data, inner_s, e)
    last = data[inner_e - 1]
    if last >= 128:
        cp = u.decode(data, u.step_back(data, inner_e, inner_s), inner_e)
        row[c.ELLIPSIS_LINES] += cp == 0x2026
        row[c.TERMINAL_LINES] += inner_e == e and (u.FLAGS[u.record(cp)] & u.TERMINAL) != 0
    elif u.FLAGS[u.ASCII_RECORD[last]] & u.TERMINAL:
        row[c.TERMINAL_LINES] += inner_e == e
        k = inner_e
        row[c.ELLIPSIS_LINES] += (
            k - inner_s >= 3 and last == 46 and data[k - 2] == 46 and data[k - 3] == 46
        )


@leaf
def _chars(data: Any, start: int, end: int, ascii_only: bool) -> int:  # noqa: FBT001
    return end - start if ascii_only else u.count_chars(data, start, end)


@leaf
def _later_copies(ids: NDArray[np.int32], sizes: NDArray[np.int64], n: int) -> int:
    """Sum of the sizes of second and later occurrences; numbers go up at first ones alone."""
    seen = total = 0
    for i in range(n):
        if ids[i] > seen:
            seen += 1
        else:
            total += sizes[i]
    return total


@leaf
def scan_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lines: NDArray[np.int32],
    line_offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    slots: NDArray[np.uint32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    sizes: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Fill the line and paragraph counters of every document.

    The last eight arguments are arenas with room for the longest document's lines, blank ones
    included, + 2 (`slots`: four times that, and at least 32).
    """
    for d in range(offsets.shape[0] - 1):
        row = rows[d]
        base = offsets[d]
        ascii_only = row[c.NON_ASCII] == 0
        own = lines[line_offsets[d] : line_offsets[d + 1]]
        n = own.shape[0]
        if n == 0:
            continue
        stripped = 0
        for i in range(n):
            s = base + own[i, L_START]
            e = base + own[i, L_END]
            inner_s = base + own[i, L_INNER_START]
            inner_e = base + own[i, L_INNER_END]
            _line_marks(data, inner_s, inner_e, e, row)
            sizes[i] = own[i, L_CHARS]
            if inner_s != s or inner_e != e:
                sizes[i] -= _chars(data, s, inner_s, ascii_only)
                sizes[i] -= _chars(data, inner_e, e, ascii_only)
            stripped += sizes[i]
            keys[i] = hash_bytes(data, inner_s, inner_e)
        row[c.STRIPPED_CHARS] = stripped
        kinds = number_keys(keys, n, slots, first_key, ids, counts)
        if kinds < n:
            # Copies of whole lines are copies of stripped lines, so only these are looked at.
            m = 0
            for i in range(n):
                if counts[ids[i]] < 2:
                    continue
                row[c.DUP_LINES_ALL] += 1
                row[c.DUP_LINE_CHARS_ALL] += sizes[i]
                inner_s = base + own[i, L_INNER_START]
                inner_e = base + own[i, L_INNER_END]
                key = _step(keys[i], hash_bytes(data, base + own[i, L_START], inner_s))
                keys[m] = _step(key, hash_bytes(data, inner_e, base + own[i, L_END]))
                sizes[m] = own[i, L_CHARS]
                m += 1
            kinds = number_keys(keys, m, slots, first_key, ids, counts)
            row[c.DUP_LINES] = m - kinds
            row[c.DUP_LINE_CHARS] = _later_copies(ids, sizes, m)

        # Paragraphs of the stripped text: outer whitespace gone, inner line ends kept. All
        # separators lie in the gaps between non-blank lines; a gap can hold blank paragraphs.
        m = 0
        s = base + own[0, L_INNER_START]
        for i in range(1, n):
            if not own[i, L_BREAK] & BREAK_PARA:
                continue
            p = base + own[i - 1, L_END]
            gap_end = base + own[i, L_START]
            while p < gap_end:
                q = p
                feeds = 0
                while q < gap_end:
                    if data[q] == 10:
                        q += 1
                    elif data[q] == 13 and q + 1 < gap_end and data[q + 1] == 10:
                        q += 2
                    else:
                        break
                    feeds += 1
                if feeds >= 2:
                    keys[m] = hash_bytes(data, s, p)
                    sizes[m] = _chars(data, s, p, ascii_only)
                    starts[m] = s
                    ends[m] = p
                    m += 1
                    s = q
                p = max(q, p + 1)
        e = base + own[n - 1, L_INNER_END]
        sizes[m] = _chars(data, s, e, ascii_only)
        if m:  # one alone has no copy
            keys[m] = hash_bytes(data, s, e)
        starts[m] = s
        ends[m] = e
        m += 1
        row[c.PARAGRAPHS] = n_paras = m
        kinds = number_keys(keys, m, slots, first_key, ids, counts) if m > 1 else 1
        row[c.DUP_PARAS] = m - kinds
        if kinds < m:
            row[c.DUP_PARA_CHARS] = _later_copies(ids, sizes, m)

        # DCLM's parts: each stripped; the hash is of the stripped bytes. Most are paragraphs.
        m = 0
        first = 0
        same = True
        for i in range(1, n + 1):
            if i < n and not (own[i, L_BREAK] & BREAK_PART):
                continue
            s = base + own[first, L_INNER_START]
            e = base + own[i - 1, L_INNER_END]
            if m >= n_paras or starts[m] != s or ends[m] != e:
                same = False
                keys[m] = hash_bytes(data, s, e)
                sizes[m] = _chars(data, s, e, ascii_only)
            row[c.PART_CHARS] += sizes[m]
            m += 1
            first = i
        row[c.PARTS] = m
        if not same or m != n_paras:
            kinds = number_keys(keys, m, slots, first_key, ids, counts)
        if kinds < m:
            for i in range(m):
                if counts[ids[i]] > 1:
                    row[c.DUP_PARTS] += 1
                    row[c.DUP_PART_CHARS] += sizes[i]
