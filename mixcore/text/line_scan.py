"""Second pass: marks and copies of lines and paragraphs, on the lines `word_scan` found.

A line, paragraph or part is compared by a 64-bit hash of its bytes: two different ones of a
document are taken for copies with probability of about n^2 / 2^65 (n of them; no key).
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel
from mixcore.text.repetition import number_keys
from mixcore.text.word_scan import (
    BREAK_PARA,
    BREAK_PART,
    L_BREAK,
    L_CHARS,
    L_END,
    L_INNER_END,
    L_INNER_START,
    L_START,
)

_SEED = np.uint64(0x2545F4914F6CDD1D)
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_ROTATE = np.uint64(29)
_COUNTER_NOUNS = (
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes",
    "downvotes", "downloads", "views", "followers",
)  # fmt: skip
COUNTER_NOUNS = _COUNTER_NOUNS
_NOUN_BYTES = np.frombuffer("".join(_COUNTER_NOUNS).encode(), np.uint8)
_NOUN_OFFSETS = np.cumsum([0] + [len(n) for n in _COUNTER_NOUNS])


@intrinsic
def _load_u64(typing_context, data, index):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, ARG001
    """Eight bytes at any index as one little-endian u64; the caller keeps them in bounds."""
    signature = types.uint64(data, types.int64)

    def codegen(context, builder, sig, args):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        array = context.make_array(sig.args[0])(context, builder, args[0])
        address = builder.gep(array.data, [args[1]])
        wide = builder.bitcast(address, ir.IntType(64).as_pointer())
        return builder.load(wide, align=1)

    return signature, codegen


@kernel
def hash_bytes(data: NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """64-bit hash of `data[start:end]`, eight bytes a step."""
    h = _SEED ^ np.uint64(end - start)
    i = np.int64(start)
    while i + 8 <= end:
        h = (h ^ _load_u64(data, i)) * _MULTIPLIER
        h ^= h >> _ROTATE
        i += 8
    tail = np.uint64(0)
    while i < end:
        tail = (tail << np.uint64(8)) | np.uint64(data[i])
        i += 1
    h = (h ^ tail) * _MULTIPLIER
    return h ^ (h >> _ROTATE)


@kernel
def _is_counter_line(data: NDArray[np.uint8], s: int, e: int) -> bool:
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


@kernel
def _line_marks(
    data: NDArray[np.uint8],
    s: int,
    e: int,
    inner_s: int,
    inner_e: int,
    row: NDArray[np.int64],
) -> None:
    """Count the marks at both ends of a non-blank line."""
    first = u.decode(data, inner_s, inner_e)
    row[c.BULLET_LINES] += first == 0x2022 or first == 45
    if first >= 128:
        flags = u.FLAGS[u.record(first)]
        row[c.RPV2_BULLET_LINES] += (flags & u.BULLET_RPV2) != 0
    k = inner_e
    if data[k - 1] == 46:
        row[c.ELLIPSIS_LINES] += k - inner_s >= 3 and data[k - 2] == 46 and data[k - 3] == 46
    elif data[k - 1] >= 128:
        row[c.ELLIPSIS_LINES] += u.decode(data, u.step_back(data, k, inner_s), inner_e) == 0x2026
    last = u.decode(data, u.step_back(data, e, s), e)
    row[c.TERMINAL_LINES] += (u.FLAGS[u.record(last)] & u.TERMINAL) != 0
    row[c.COUNTER_LINES] += _is_counter_line(data, s, e)


@kernel
def scan_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lines: NDArray[np.int32],
    line_offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
    slots: NDArray[np.int32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    sizes: NDArray[np.int64],
) -> None:
    """Fill the line and paragraph counters of every document.

    The last six arguments are arenas with room for the longest document's lines, blank ones
    included, + 1 (`slots`: four times that, and at least 16).
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
        trimmed = 0
        for i in range(n):
            s = base + own[i, L_START]
            e = base + own[i, L_END]
            inner_s = base + own[i, L_INNER_START]
            inner_e = base + own[i, L_INNER_END]
            _line_marks(data, s, e, inner_s, inner_e, row)
            trimmed += inner_s != s or inner_e != e
            size = np.int64(own[i, L_CHARS])
            sizes[i] = size
            stripped += size if ascii_only else u.count_chars(data, inner_s, inner_e)
            if ascii_only:
                stripped -= (inner_s - s) + (e - inner_e)
            keys[i] = hash_bytes(data, s, e)
        row[c.STRIPPED_CHARS] = stripped
        kinds = number_keys(keys, n, slots, first_key, ids, counts)
        row[c.DUP_LINES] = n - kinds
        if kinds < n:
            seen = 0
            for i in range(n):
                if ids[i] == seen:  # numbers go up at first occurrences alone
                    seen += 1
                else:
                    row[c.DUP_LINE_CHARS] += sizes[i]
        if trimmed:
            for i in range(n):
                inner_s = base + own[i, L_INNER_START]
                inner_e = base + own[i, L_INNER_END]
                sizes[i] = u.count_chars(data, inner_s, inner_e)
                keys[i] = hash_bytes(data, inner_s, inner_e)
            kinds = number_keys(keys, n, slots, first_key, ids, counts)
        if kinds < n:
            for i in range(n):
                if counts[ids[i]] > 1:
                    row[c.DUP_LINES_ALL] += 1
                    row[c.DUP_LINE_CHARS_ALL] += sizes[i]

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
                    sizes[m] = p - s if ascii_only else u.count_chars(data, s, p)
                    m += 1
                    s = q
                p = max(q, p + 1)
        e = base + own[n - 1, L_INNER_END]
        keys[m] = hash_bytes(data, s, e)
        sizes[m] = e - s if ascii_only else u.count_chars(data, s, e)
        m += 1
        row[c.PARAGRAPHS] = m
        kinds = number_keys(keys, m, slots, first_key, ids, counts)
        row[c.DUP_PARAS] = m - kinds
        if kinds < m:
            seen = 0
            for i in range(m):
                if ids[i] == seen:
                    seen += 1
                else:
                    row[c.DUP_PARA_CHARS] += sizes[i]

        # DCLM's parts: each stripped; the hash is of the stripped bytes.
        m = 0
        first = 0
        for i in range(1, n + 1):
            if i < n and not (own[i, L_BREAK] & BREAK_PART):
                continue
            s = base + own[first, L_INNER_START]
            e = base + own[i - 1, L_INNER_END]
            keys[m] = hash_bytes(data, s, e)
            sizes[m] = e - s if ascii_only else u.count_chars(data, s, e)
            row[c.PART_CHARS] += sizes[m]
            m += 1
            first = i
        row[c.PARTS] = m
        kinds = number_keys(keys, m, slots, first_key, ids, counts)
        if kinds < m:
            for i in range(m):
                if counts[ids[i]] > 1:
                    row[c.DUP_PARTS] += 1
                    row[c.DUP_PART_CHARS] += sizes[i]
