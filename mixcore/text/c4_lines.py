r"""C4's page decisions: its line rules are played through on a copy, and what is left is counted.

Read at tensorflow_datasets text/c4_utils.py (`tfds`) and huggingface/datatrove a649de79
(`C4QualityFilter`). A line of `str.splitlines` is stripped; then, in this order: a word of more
than 1000 characters drops it; `[1]`, `[edit]`, `[citation needed]` are deleted; no end mark, or
`...`, drops it; too few words drop it; `lorem ipsum` drops the page; `javascript` drops the line;
`{` drops the page; a policy phrase drops the line. So a curly bracket in a line already dropped
does no harm.

Sentences: a run of `.!?` and of closing quotes and brackets before whitespace or the line's end,
but not `..`, `...`, and not the dot of a lone letter (`J. Smith`); a part without `\w` is none.
Peers take punkt (tfds) and spaCy (datatrove). Case is folded for ASCII.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel, leaf
from mixcore.text.pattern_scan import PHRASES, matches
from mixcore.text.peer_gopher import Arenas, arenas_for, ratio
from mixcore.text.peer_lines import (
    SPLITLINES,
    copies,
    cut_lines,
    ends_in_dots,
    skip_space,
    strip_joined,
    trim_space,
)
from mixcore.text.peer_tokens import STREAM_P, cut_tokens, is_datatrove_terminal

TFDS, DATATROVE, FINEWEB = range(3)
"""FINEWEB is DATATROVE without the rule on end marks, as FineWeb runs it."""
MAX_WORD = 1000
MIN_WORDS_TFDS, MIN_WORDS_DATATROVE = 5, 3
SHORT_LINE = 30  # FineWeb
CITATIONS = ("[edit]", "[citation needed]")
# Sums of a page.
LOREM, CURLY, SENTENCES, FULL, TERMINAL, SHORT, COPY_CHARS, CHARS, FEEDS, TOKENS = range(10)
N_SUMS = 10

_EDIT, _NEEDED = (np.frombuffer(x.encode(), np.uint8) for x in CITATIONS)
_PHRASE_BYTES = np.frombuffer("".join(p for p, _ in PHRASES).encode(), np.uint8)
_PHRASE_OFFSETS = np.cumsum([0] + [len(p) for p, _ in PHRASES])
_JAVASCRIPT, _LOREM_IPSUM, _FIRST_POLICY = 0, 1, 2
_N_PHRASES = len(PHRASES)


@leaf
def _measure_words(data: NDArray[np.uint8], s: int, e: int) -> tuple[int, int]:
    """(W words, characters of the longest) of `data[s:e]`."""
    words = longest = chars = 0
    i = s
    while i < e:
        if u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE:
            chars = 0
        else:
            words += chars == 0
            chars += 1
            longest = max(longest, chars)
        i += u.width(data[i])
    return words, longest


@leaf
def _citation_end(data: NDArray[np.uint8], i: int, e: int) -> int:
    r"""End of `\[\d*\]|\[edit\]|\[citation needed\]` at the bracket `i`, or -1."""
    if matches(data, i, e, _EDIT, False):
        return i + _EDIT.shape[0]
    if matches(data, i, e, _NEEDED, False):
        return i + _NEEDED.shape[0]
    i += 1
    while i < e and u.FLAGS[u.record(u.decode(data, i, e))] & u.DECIMAL:
        i += u.width(data[i])
    return i + 1 if i < e and data[i] == 93 else -1


@leaf
def _copy_without_citations(
    data: NDArray[np.uint8], s: int, e: int, out: NDArray[np.uint8], o: int
) -> int:
    """Write `data[s:e]` to `out` from `o` on; gives its end there."""
    i = s
    while i < e:
        if data[i] == 91:
            end = _citation_end(data, i, e)
            if end > 0:
                i = end
                continue
        out[o] = data[i]
        o += 1
        i += 1
    return o


@leaf
def _phrases_in(data: NDArray[np.uint8], s: int, e: int) -> int:
    """Bits of the phrases of PHRASES that stand in `data[s:e]`, any ASCII case."""
    found = 0
    for i in range(s, e):
        low = data[i] | 32
        if low < 99 or low > 117:
            continue
        for k in range(_N_PHRASES):
            phrase = _PHRASE_BYTES[_PHRASE_OFFSETS[k] : _PHRASE_OFFSETS[k + 1]]
            if low == phrase[0] and matches(data, i, e, phrase, True):
                found |= 1 << k
    return found


@leaf
def _is_closer(cp: int) -> bool:
    return (
        cp == 34 or cp == 39 or cp == 41 or cp == 93 or cp == 125
        or cp == 0x201D or cp == 0x2019 or cp == 0xBB
    )  # fmt: skip


@leaf
def _is_initial(data: NDArray[np.uint8], s: int, i: int) -> bool:
    """Whether a lone letter ends just before `i`."""
    if i == s:
        return False
    p = u.step_back(data, i, s)
    if not u.FLAGS[u.record(u.decode(data, p, i))] & u.ALPHA:
        return False
    return p == s or not u.FLAGS[u.record(u.decode(data, u.step_back(data, p, s), p))] & u.WORD


@leaf
def count_sentences(data: NDArray[np.uint8], s: int, e: int) -> int:
    """Sentences of a line by the module's rule."""
    n = 0
    has_word = False
    i = s
    while i < e:
        b = data[i]
        if b != 46 and b != 33 and b != 63:
            has_word |= (u.FLAGS[u.record(u.decode(data, i, e))] & u.WORD) != 0
            i += u.width(b)
            continue
        j = i
        only_dots = True
        while j < e and (data[j] == 46 or data[j] == 33 or data[j] == 63):
            only_dots &= data[j] == 46
            j += 1
        k = j
        while k < e and _is_closer(u.decode(data, k, e)):
            k += u.width(data[k])
        ends = k == e or (u.FLAGS[u.record(u.decode(data, k, e))] & u.SPACE) != 0
        if only_dots:
            ends &= j - i == 1 and not _is_initial(data, s, i)
        if ends:
            n += has_word
            has_word = False
        i = j
    return n + has_word


@leaf
def _ends_well(data: NDArray[np.uint8], s: int, e: int, convention: int) -> bool:
    """Whether a line ends in one of C4's marks and not in `...`."""
    if convention == FINEWEB:
        return True
    if s == e or ends_in_dots(data, s, e):
        return False
    b = data[e - 1]
    return b == 46 or b == 63 or b == 33 or b == 34 or (convention == DATATROVE and b == 39)


@leaf
def _edit(
    data: NDArray[np.uint8],
    lines: NDArray[np.int64],
    n: int,
    convention: int,
    out: NDArray[np.uint8],
    kept: NDArray[np.int64],
    row: NDArray[np.int64],
) -> int:
    """Write the lines that C4 keeps to `out`, their bounds to `kept`; gives how many."""
    o = m = 0
    for i in range(n):
        s = skip_space(data, lines[i, 0], lines[i, 1])
        e = trim_space(data, s, lines[i, 1])
        words, longest = _measure_words(data, s, e)
        if longest > MAX_WORD:
            continue
        p = _copy_without_citations(data, s, e, out, o)
        if not _ends_well(out, o, p, convention):
            continue
        if convention == TFDS:
            words, _ = _measure_words(out, o, p)
        if words < (MIN_WORDS_TFDS if convention == TFDS else MIN_WORDS_DATATROVE):
            continue
        found = _phrases_in(out, o, p)
        if found & (1 << _LOREM_IPSUM):
            row[LOREM] += 1
            continue
        if found & (1 << _JAVASCRIPT):
            continue
        brackets = 0
        for k in range(o, p):
            brackets += out[k] == 123
        if brackets:
            row[CURLY] += 1
            continue
        if found >> _FIRST_POLICY:
            continue
        row[SENTENCES] += count_sentences(out, o, p)
        kept[m, 0] = o
        kept[m, 1] = p
        m += 1
        o = p
    return m


@leaf
def _measure_kept(
    out: NDArray[np.uint8],
    kept: NDArray[np.int64],
    m: int,
    slots: NDArray[np.uint32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    marks: NDArray[np.uint8],
    row: NDArray[np.int64],
) -> None:
    """FineWeb's sums of the kept lines, joined by line feeds and stripped as a whole."""
    first, last = strip_joined(out, kept, 0, m)
    row[FEEDS] = max(last - first - 1, 0)
    n = 0
    for i in range(first, last):
        s, e = kept[i, 0], kept[i, 1]
        chars = u.count_chars(out, s, e)
        row[CHARS] += chars
        if skip_space(out, s, e) == e:
            continue
        row[SHORT] += chars <= SHORT_LINE
        row[TERMINAL] += is_datatrove_terminal(u.decode(out, u.step_back(out, e, s), e))
        row[TOKENS] += cut_tokens(out, s, e, STREAM_P, hashes, lengths, marks)
        kept[n, 0] = s
        kept[n, 1] = e
        n += 1
    row[FULL] = n
    _, row[COPY_CHARS], _, _ = copies(out, kept, n, slots, keys, first_key, ids, counts)


@kernel
def page_sums(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    convention: int,
    lines: NDArray[np.int64],
    out: NDArray[np.uint8],
    kept: NDArray[np.int64],
    slots: NDArray[np.uint32],
    keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64],
    ids: NDArray[np.int32],
    counts: NDArray[np.int32],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    marks: NDArray[np.uint8],
    rows: NDArray[np.int64],
) -> None:
    """Fill `rows` (documents, N_SUMS), zeroed; FULL and later for FINEWEB alone.

    All arguments between `convention` and `rows` are arenas with room for the longest document.
    """
    for d in range(offsets.shape[0] - 1):
        n = cut_lines(data, offsets[d], offsets[d + 1], SPLITLINES, lines)
        m = _edit(data, lines, n, convention, out, kept, rows[d])
        if convention == FINEWEB:
            _measure_kept(
                out, kept, m, slots, keys, first_key, ids, counts, hashes, lengths, marks, rows[d]
            )


def _sums(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], convention: int, a: Arenas
) -> NDArray[np.int64]:
    rows = np.zeros((len(offsets) - 1, N_SUMS), np.int64)
    out, kept = np.empty(a.room + 1, np.uint8), np.empty((a.room + 2, 2), np.int64)
    r = a.rep
    page_sums(
        data, offsets, convention, a.lines, out, kept, r.slots, r.keys, r.first_key, r.ids[0],
        r.counts, a.hashes, a.lengths, a.marks, rows,
    )  # fmt: skip
    return rows


def _page(rows: NDArray[np.int64], peer: str) -> dict[str, NDArray[np.generic]]:
    return {
        f"n_lorem@{peer}": rows[:, LOREM],
        f"n_curly_open@{peer}": rows[:, CURLY],
        f"n_sentences@{peer}": rows[:, SENTENCES],
    }


def c4(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], _: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `c4`; arguments as `peer_gopher.datatrove`."""
    sums = partial(_sums, data, offsets, a=arenas_for(offsets))
    return _page(sums(TFDS), "tfds") | _page(sums(DATATROVE), "datatrove")


def fineweb(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], _: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `fineweb`; arguments as `peer_gopher.datatrove`."""
    rows = _sums(data, offsets, FINEWEB, arenas_for(offsets))
    return _page(rows, "fineweb") | {
        "terminal_punct_line_frac@fineweb": ratio(rows[:, TERMINAL], rows[:, FULL]),
        "short_line_frac@fineweb": ratio(rows[:, SHORT], rows[:, FULL]),
        "dup_line_char_frac@fineweb": ratio(rows[:, COPY_CHARS], rows[:, CHARS]),
        "newline_word_ratio@fineweb": ratio(rows[:, FEEDS], rows[:, TOKENS]),
    }
