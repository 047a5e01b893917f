r"""RefinedWeb's line rules as DCLM runs them, played through to see how many words they remove.

Read at mlfoundations/dclm 361714bd (baselines_configs/refinedweb.yaml, mappers/modifiers.py). Lines
are parts of a split at LF. In order: more than half capitals, all digits, a counter (`12 likes`),
or a single word drops a line; then, in lines of at most ten words, `items in cart` is removed, at
their ends `Read more` with three characters, at their starts `Sign-in`, and a line left blank goes.
After each step but the single words the whole text is stripped. Case is folded for ASCII. What DCLM
does before, deleting URLs and third line feeds, is not played through.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel, leaf
from mixcore.text.line_scan import is_counter_line
from mixcore.text.pattern_scan import matches
from mixcore.text.peer_dolma import count_fasttext_words
from mixcore.text.peer_gopher import arenas_for, ratio
from mixcore.text.peer_lines import FEED, cut_lines, skip_space, strip_joined

SHORT_WORDS = 10
CART, READ_MORE, SIGN_IN = "items in cart", "read more", "sign-in"
ANY_AFTER_READ_MORE = 3
"""Its dots are regular expression dots."""
BEFORE, AFTER = range(2)
_CART, _READ_MORE, _SIGN_IN = (
    np.frombuffer(x.encode(), np.uint8) for x in (CART, READ_MORE, SIGN_IN)
)
_UPPER, _NUMERIC, _COUNTER, _SINGLE = range(4)


@leaf
def _count_words(data: NDArray[np.uint8], s: int, e: int) -> int:
    n = 0
    inside = False
    i = s
    while i < e:
        is_space = (u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE) != 0
        n += not is_space and not inside
        inside = not is_space
        i += u.width(data[i])
    return n


@leaf
def _goes(data: NDArray[np.uint8], s: int, e: int, rule: int) -> bool:
    """Whether a rule drops a line; never an empty one."""
    if s == e:
        return False
    if rule == _COUNTER:
        return is_counter_line(data, s, e)
    if rule == _SINGLE:
        return _count_words(data, s, e) < 2
    chars = capitals = digits = 0
    i = s
    while i < e:
        flags = u.FLAGS[u.record(u.decode(data, i, e))]
        chars += 1
        capitals += (flags & u.UPPER) != 0
        digits += (flags & u.DIGIT) != 0
        i += u.width(data[i])
    return 2 * capitals > chars if rule == _UPPER else digits == chars


@leaf
def _copy_without_cart(
    data: NDArray[np.uint8], s: int, e: int, out: NDArray[np.uint8], o: int
) -> int:
    r"""Write the line to `out` without `\s?items in cart`; gives its end there."""
    i = s
    while i < e:
        w = u.width(data[i])
        is_space = (u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE) != 0
        if is_space and matches(data, i + w, e, _CART, True):
            i += w + _CART.shape[0]
        elif matches(data, i, e, _CART, True):
            i += _CART.shape[0]
        else:
            for _ in range(w):
                out[o] = data[i]
                o += 1
                i += 1
    return o


@leaf
def _before_read_more(data: NDArray[np.uint8], s: int, e: int) -> int:
    r"""Where `\s?read more...$` begins in the line, else `e`."""
    at = e
    for _ in range(ANY_AFTER_READ_MORE):
        if at == s:
            return e
        at = u.step_back(data, at, s)
    at -= _READ_MORE.shape[0]
    if at < s or not matches(data, at, e, _READ_MORE, True):
        return e
    if at > s:
        space = u.step_back(data, at, s)
        if u.FLAGS[u.record(u.decode(data, space, at))] & u.SPACE:
            at = space
    return at


@leaf
def _after_sign_in(data: NDArray[np.uint8], s: int, e: int) -> int:
    r"""Where `^sign-in\s?` ends in the line, else `s`."""
    if not matches(data, s, e, _SIGN_IN, True):
        return s
    i = s + _SIGN_IN.shape[0]
    if i < e and u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE:
        i += u.width(data[i])
    return i


@leaf
def _edit(
    data: NDArray[np.uint8], lines: NDArray[np.int64], n: int, out: NDArray[np.uint8]
) -> tuple[int, int]:
    """Apply every rule; `lines[first:last]` are bounds in `out` then."""
    first, last = 0, n
    for rule in range(4):
        m = first
        for i in range(first, last):
            if not _goes(data, lines[i, 0], lines[i, 1], rule):
                lines[m, 0] = lines[i, 0]
                lines[m, 1] = lines[i, 1]
                m += 1
        last = m
        if rule != _SINGLE:
            first, last = strip_joined(data, lines, first, last)
    o = 0
    m = first
    for i in range(first, last):
        s, e = lines[i, 0], lines[i, 1]
        start = o
        if _count_words(data, s, e) <= SHORT_WORDS:
            o = _copy_without_cart(data, s, e, out, o)
            if s < e and skip_space(out, start, o) == o:
                o = start
                continue
        else:
            for j in range(s, e):
                out[o] = data[j]
                o += 1
        lines[m, 0] = start
        lines[m, 1] = o
        m += 1
    first, last = strip_joined(out, lines, first, m)
    for is_suffix in (True, False):
        m = first
        for i in range(first, last):
            s, e = lines[i, 0], lines[i, 1]
            if _count_words(out, s, e) <= SHORT_WORDS:
                a, b = s, e
                if is_suffix:
                    b = _before_read_more(out, s, e)
                else:
                    a = _after_sign_in(out, s, e)
                if s < e and skip_space(out, a, b) == b:
                    continue
                s, e = a, b
            lines[m, 0] = s
            lines[m, 1] = e
            m += 1
        first, last = strip_joined(out, lines, first, m)
    return first, last


@kernel
def removed_sums(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lines: NDArray[np.int64],
    out: NDArray[np.uint8],
    rows: NDArray[np.int64],
) -> None:
    """Fill `rows` (documents, 2) with the words before and after; `lines`, `out` are arenas."""
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        rows[d, BEFORE] = count_fasttext_words(data, start, end)
        n = cut_lines(data, start, end, FEED, lines)
        first, last = _edit(data, lines, n, out)
        for i in range(first, last):
            rows[d, AFTER] += count_fasttext_words(out, lines[i, 0], lines[i, 1])


def refinedweb(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], _: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `refinedweb`; arguments as `peer_gopher.datatrove`."""
    rows = np.zeros((len(offsets) - 1, 2), np.int64)
    a = arenas_for(offsets)
    removed_sums(data, offsets, a.lines, np.empty(a.room + 1, np.uint8), rows)
    return {
        "removed_word_frac@refinedweb": ratio(rows[:, BEFORE] - rows[:, AFTER], rows[:, BEFORE])
    }
