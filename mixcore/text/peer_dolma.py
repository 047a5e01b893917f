"""Gopher's rules as dolma and DCLM measure them.

Read at allenai/dolma 669f5348 (taggers/gopher.py, gopher_v1 and gopher_v2) and mlfoundations/dclm
361714bd (baselines/mappers/filters/content_filters.py). dolma's words are W words, case kept. DCLM
counts words as fastText cuts them (space, LF, CR, TAB, VT, FF, NUL) whose first character is
alphanumeric; its n-grams of Unicode words are close to ours of N words and have no signal of their
own.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import peer_repetition as rep
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel, leaf
from mixcore.text.pattern_scan import matches
from mixcore.text.peer_gopher import STOP_WORDS, arenas_for, ratio, stop_hashes
from mixcore.text.peer_lines import (
    FEED,
    FEEDS,
    FULL_FEED,
    copies,
    cut_lines,
    ends_in_dots,
    ends_in_ellipsis_char,
)
from mixcore.text.peer_tokens import HAS_SYMBOL, STREAM_W, cut_tokens

# Sums of dolma: words, then lines for gopher_v1 and again for gopher_v2.
SYMBOL_WORDS, STOPS, V1, V2 = 0, 1, 2, 7
LINES, BULLETS, ELLIPSES, COPIES, COPY_CHARS = range(5)
N_DOLMA = 12
# Sums of DCLM.
WORDS, SPACED_DOTS, DCLM_STOPS, DCLM_LINES, DCLM_BULLETS, DCLM_ELLIPSES = range(6)
N_DCLM = 6

_SPACED = np.frombuffer(b". . .", np.uint8)
_STOP_BYTES = np.frombuffer("".join(STOP_WORDS).encode(), np.uint8)
_STOP_OFFSETS = np.cumsum([0] + [len(w) for w in STOP_WORDS])


@kernel
def dolma_sums(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    stops: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    marks: NDArray[np.uint8],
    lines: NDArray[np.int64],
    arenas: Any,
    rows: NDArray[np.int64],
    reps: NDArray[np.int64],
) -> None:
    """Fill `rows` (documents, N_DOLMA) and `reps`; as `peer_gopher.datatrove_sums`."""
    slots, seen, keys, first_key, ids, counts, grams, positions, sums = arenas
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        n = cut_tokens(data, start, end, STREAM_W, hashes, lengths, marks)
        for i in range(n):
            row[SYMBOL_WORDS] += (marks[i] & HAS_SYMBOL) != 0
            if lengths[i] <= 4:
                for k in range(stops.shape[0]):
                    row[STOPS] += hashes[i] == stops[k]
        rep.repeated(
            hashes, lengths, n, slots, seen, keys, first_key, ids, counts, grams, positions, sums,
            reps[d],
        )  # fmt: skip
        for first, cut in ((V1, FEED), (V2, FEEDS)):
            m = cut_lines(data, start, end, cut, lines)
            row[first + LINES] = m
            for i in range(m):
                s, e = lines[i, 0], lines[i, 1]
                row[first + BULLETS] += s < e and (data[s] == 42 or data[s] == 45)
                row[first + ELLIPSES] += ends_in_ellipsis_char(data, s, e)
            _, _, row[first + COPIES], row[first + COPY_CHARS] = copies(
                data, lines, m, slots, keys, first_key, ids[0], counts
            )


def dolma(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], base: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `dolma`; arguments as `peer_gopher.datatrove`."""
    n = len(offsets) - 1
    rows, reps = np.zeros((n, N_DOLMA), np.int64), np.zeros((n, rep.N_SUMS), np.int64)
    a = arenas_for(offsets)
    dolma_sums(
        data, offsets, stop_hashes(), a.hashes, a.lengths, a.marks, a.lines, a.repetition, rows,
        reps,
    )  # fmt: skip
    chars = base[:, c.WORD_CHARS]
    out: dict[str, NDArray[np.generic]] = {
        "symbol_word_ratio@dolma": ratio(rows[:, SYMBOL_WORDS], base[:, c.WORDS]),
        "n_stopwords@dolma": rows[:, STOPS],
    }
    for peer, first in (("dolma", V1), ("dolma_v2", V2)):
        full = np.where(chars > 0, rows[:, first + LINES], 0)  # dolma leaves empty texts at 0
        out[f"bullet_line_frac@{peer}"] = ratio(rows[:, first + BULLETS], rows[:, first + LINES])
        out[f"ellipsis_line_frac@{peer}"] = ratio(rows[:, first + ELLIPSES], rows[:, first + LINES])
        out[f"dup_line_frac@{peer}"] = ratio(rows[:, first + COPIES], full)
        out[f"dup_line_char_frac@{peer}"] = ratio(rows[:, first + COPY_CHARS], chars)
    for k in (2, 3, 4):
        out[f"top_ngram_chars_{k}@dolma"] = ratio(reps[:, rep.TOP_ONCE + k - 2], chars)
    for k in range(5, 11):
        every = reps[:, rep.ALL_GRAMS + k - 5]
        out[f"dup_ngram_chars_{k}@dolma"] = ratio(reps[:, rep.COPIES + k - 5], every)
    return out


@leaf
def _is_fasttext_space(b: int) -> bool:
    return b == 32 or b == 0 or 9 <= b <= 13


@leaf
def count_fasttext_words(data: NDArray[np.uint8], s: int, e: int) -> int:
    """Words as fastText cuts them whose first character is alphanumeric."""
    n = 0
    inside = False
    for i in range(s, e):
        is_space = _is_fasttext_space(data[i])
        if not is_space and not inside:
            n += (u.FLAGS[u.record(u.decode(data, i, e))] & u.ALNUM) != 0
        inside = not is_space
    return n


@leaf
def _count_stops(data: NDArray[np.uint8], s: int, e: int) -> int:
    """W words that are stop words in any case."""
    n = 0
    w = s
    i = s
    while i <= e:
        if i < e and not u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE:
            i += u.width(data[i])
            continue
        for k in range(_STOP_OFFSETS.shape[0] - 1):
            word = _STOP_BYTES[_STOP_OFFSETS[k] : _STOP_OFFSETS[k + 1]]
            n += i - w == word.shape[0] and matches(data, w, i, word, True)
        i += u.width(data[i]) if i < e else 1
        w = i
    return n


@kernel
def dclm_sums(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    lines: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Fill `rows` (documents, N_DCLM), zeroed; `lines` is an arena."""
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        row[WORDS] = count_fasttext_words(data, start, end)
        row[DCLM_STOPS] = _count_stops(data, start, end)
        i = start
        while i < end:
            if data[i] == 46 and matches(data, i, end, _SPACED, False):
                row[SPACED_DOTS] += 1
                i += _SPACED.shape[0]
            else:
                i += 1
        m = cut_lines(data, start, end, FULL_FEED, lines)
        row[DCLM_LINES] = m
        for i in range(m):
            s, e = lines[i, 0], lines[i, 1]
            cp = u.decode(data, s, e)
            row[DCLM_BULLETS] += cp == 0x25CF or cp == 0x2022 or cp == 42 or cp == 45
            row[DCLM_ELLIPSES] += (
                ends_in_dots(data, s, e)
                or ends_in_ellipsis_char(data, s, e)
                or (e - s >= _SPACED.shape[0] and matches(data, e - 5, e, _SPACED, False))
            )


def dclm(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], base: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `dclm`; arguments as `peer_gopher.datatrove`."""
    rows = np.zeros((len(offsets) - 1, N_DCLM), np.int64)
    dclm_sums(data, offsets, arenas_for(offsets).lines, rows)
    symbols = base[:, c.HASH] + base[:, c.ELLIPSIS] + rows[:, SPACED_DOTS]
    return {
        "n_words@dclm": rows[:, WORDS],
        "symbol_word_ratio@dclm": ratio(symbols, base[:, c.WORDS]),
        "bullet_line_frac@dclm": ratio(rows[:, DCLM_BULLETS], rows[:, DCLM_LINES]),
        "ellipsis_line_frac@dclm": ratio(rows[:, DCLM_ELLIPSES], rows[:, DCLM_LINES]),
        "n_stopwords@dclm": rows[:, DCLM_STOPS],
    }
