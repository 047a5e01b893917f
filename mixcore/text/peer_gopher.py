"""Gopher's rules as datatrove, dolma and DCLM measure them: a row of sums a document.

Formulas were read at huggingface/datatrove a649de79, allenai/dolma 669f5348 and mlfoundations/dclm
361714bd. Where they differ from ours and from each other, see `signals_on_demand`.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import peer_repetition as rep
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import kernel, leaf
from mixcore.text.line_scan import hash_bytes
from mixcore.text.peer_lines import (
    FEEDS,
    SPLITLINES,
    copies,
    cut_lines,
    ends_in_dots,
    ends_in_ellipsis_char,
    skip_space,
    trim_space,
)
from mixcore.text.peer_tokens import HAS_ALPHA, HAS_PLAIN, STREAM_P, cut_tokens

# Gopher's eight words (Rae et al. 2021, appendix A1.1), as datatrove and dolma write them.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# Sums beside those of `peer_repetition`.
TOKENS, PLAIN, PLAIN_CHARS, ALPHA, STOP_KINDS, LINES, BULLETS, ELLIPSES = range(8)
PARTS, COPIES, COPY_CHARS = range(8, 11)
N_SUMS = 11


class Arenas:
    """Scratch memory for documents of up to `room` bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.rep = rep.Arenas(room + 1)
        self.hashes = np.empty(room + 1, np.uint64)
        self.lengths = np.empty(room + 1, np.int32)
        self.marks = np.empty(room + 1, np.uint8)
        self.lines = np.empty((room + 2, 2), np.int64)

    @property
    def repetition(self) -> tuple[Any, ...]:
        """Arguments of `repeated` between the tokens and its result."""
        r = self.rep
        return r.slots, r.seen, r.keys, r.first_key, r.ids, r.counts, r.grams, r.positions, r.sums


@kernel
def _hash_of(word: NDArray[np.uint8]) -> np.uint64:
    return hash_bytes(word, 0, word.shape[0])


@cache
def stop_hashes() -> NDArray[np.uint64]:
    """Hashes of the stop words as `peer_tokens` makes them."""
    return np.array([_hash_of(np.frombuffer(w.encode(), np.uint8)) for w in STOP_WORDS], np.uint64)


@leaf
def _datatrove_lines(
    data: NDArray[np.uint8], lines: NDArray[np.int64], n: int, row: NDArray[np.int64]
) -> None:
    """Lines that start with a bullet or hyphen, or end with an ellipsis, whitespace stripped."""
    row[LINES] = n
    for i in range(n):
        s = skip_space(data, lines[i, 0], lines[i, 1])
        e = trim_space(data, s, lines[i, 1])
        if s == e:
            continue
        cp = u.decode(data, s, e)
        row[BULLETS] += cp == 0x2022 or cp == 45
        row[ELLIPSES] += ends_in_dots(data, s, e) or ends_in_ellipsis_char(data, s, e)


@kernel
def datatrove_sums(
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
    """Fill `rows` (documents, N_SUMS) and `reps` (documents, peer_repetition.N_SUMS), zeroed.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        stops: `stop_hashes()`.
        hashes: arena of `Arenas` for the longest document, as the next four.
        lengths: arena.
        marks: arena.
        lines: arena.
        arenas: `Arenas.repetition`.
        rows: sums of tokens and lines.
        reps: sums of repetition.
    """
    slots, seen, keys, first_key, ids, counts, grams, positions, sums = arenas
    found = np.zeros(stops.shape[0], np.bool_)
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        n = cut_tokens(data, start, end, STREAM_P, hashes, lengths, marks)
        row[TOKENS] = n
        found[:] = False
        for i in range(n):
            row[ALPHA] += (marks[i] & HAS_ALPHA) != 0
            if marks[i] & HAS_PLAIN:
                row[PLAIN] += 1
                row[PLAIN_CHARS] += lengths[i]
            if lengths[i] <= 4:
                for k in range(stops.shape[0]):
                    found[k] |= hashes[i] == stops[k]
        row[STOP_KINDS] = found.sum()
        rep.repeated(
            hashes, lengths, n, slots, seen, keys, first_key, ids, counts, grams, positions, sums,
            reps[d],
        )  # fmt: skip
        m = cut_lines(data, start, end, SPLITLINES, lines)
        _datatrove_lines(data, lines, m, row)
        m = cut_lines(data, start, end, FEEDS, lines)
        row[PARTS] = m
        row[COPIES], row[COPY_CHARS], _, _ = copies(
            data, lines, m, slots, keys, first_key, ids[0], counts
        )


def datatrove(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], base: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """The signals of group `datatrove`.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        base: counters of the documents (documents, counters.N).

    Returns:
        Values by name: int64 counts, and f64 ratios (0 where the divisor is 0).
    """
    n = len(offsets) - 1
    rows = np.zeros((n, N_SUMS), np.int64)
    reps = np.zeros((n, rep.N_SUMS), np.int64)
    a = arenas_for(offsets)
    datatrove_sums(
        data,
        offsets,
        stop_hashes(),
        a.hashes,
        a.lengths,
        a.marks,
        a.lines,
        a.repetition,
        rows,
        reps,
    )
    chars, tokens = base[:, c.CHARS], rows[:, TOKENS]
    peer = "@datatrove"
    out: dict[str, NDArray[np.generic]] = {
        f"n_nonsymbol_words{peer}": rows[:, PLAIN],
        f"mean_word_length{peer}": ratio(rows[:, PLAIN_CHARS], rows[:, PLAIN]),
        f"hash_word_ratio{peer}": ratio(base[:, c.HASH], tokens),
        f"ellipsis_word_ratio{peer}": ratio(base[:, c.ELLIPSIS], tokens),
        f"bullet_line_frac{peer}": ratio(rows[:, BULLETS], rows[:, LINES]),
        f"ellipsis_line_frac{peer}": ratio(rows[:, ELLIPSES], rows[:, LINES]),
        f"alpha_word_frac{peer}": ratio(rows[:, ALPHA], tokens),
        f"n_stopword_kinds{peer}": rows[:, STOP_KINDS],
        f"dup_line_frac{peer}": ratio(rows[:, COPIES], rows[:, PARTS]),
        f"dup_line_char_frac{peer}": ratio(rows[:, COPY_CHARS], chars),
    }
    for k in (2, 3, 4):
        out[f"top_ngram_chars_{k}{peer}"] = ratio(reps[:, rep.TOP_SPACED + k - 2], chars)
    for k in range(5, 11):
        out[f"dup_ngram_chars_{k}{peer}"] = ratio(reps[:, rep.GREEDY + k - 5], chars)
    return out


def arenas_for(offsets: NDArray[np.int64]) -> Arenas:
    """Scratch memory for the longest of these documents; pages not used cost nothing."""
    return Arenas(int(np.diff(offsets).max(initial=0)))


def ratio(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> NDArray[np.generic]:
    """`top / bottom` in f64, 0 where `bottom` is 0."""
    return np.asarray(np.where(bottom > 0, top / np.maximum(bottom, 1), 0.0))
