"""Signals of code on demand: comments and strings, OpenCoder's and StarCoder's rules.

A signal is null where the file's family is unknown or the peer has no such rule for its kind, so
that a gate with `on_missing: keep` decides as the peer does. Definitions were read at
OpenCoder-llm/opc_data_filtering 44b857e8 (quality_signals/code.py) and bigcode-project/
bigcode-dataset bebec929; OpenCoder takes pygments where we lex by family (`code_families`).
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixcore.text import code_families as fam
from mixcore.text import counters as c
from mixcore.text import peer_repetition as rep
from mixcore.text import starcoder_table as star
from mixcore.text import unicode_tables as u
from mixcore.text.code_lexer import COMMENT, STRING, lex
from mixcore.text.compiled import kernel, leaf
from mixcore.text.line_scan import hash_bytes
from mixcore.text.pattern_scan import matches
from mixcore.text.peer_gopher import arenas_for, ratio
from mixcore.text.peer_tokens import STREAM_C, STREAM_P, cut_tokens
from mixcore.text.repetition import number_keys

LONG_STRING_TOKENS = LONG_WORD_CHARS = 20  # OpenCoder
TODO_MARKS = ("todo", "fixme", "your code here")
ASSERT = "assert"
# Sums of a file.
COMMENTS, STRINGS, CODE_LINES, LONG_STRINGS, LONG_WORDS, TODOS, ASSERTS, COPIES = range(8)
TOKENS, TOKEN_CHARS, KINDS = range(8, 11)
N_SUMS = 11

_TODO_BYTES = np.frombuffer("".join(TODO_MARKS).encode(), np.uint8)
_TODO_OFFSETS = np.cumsum([0] + [len(x) for x in TODO_MARKS])
_ASSERT = np.frombuffer(ASSERT.encode(), np.uint8)
_HTTP, _HTTPS = (np.frombuffer(x, np.uint8) for x in (b"http://", b"https://"))
_COMMA_LINE = np.frombuffer(b"},", np.uint8)


@dataclass(frozen=True)
class Files:
    """What names and declared languages say of the documents, one entry each."""

    extensions: tuple[str, ...]
    families: NDArray[np.int64]
    kinds: NDArray[np.int64]

    @staticmethod
    def of(names: Sequence[str | None], languages: Sequence[str | None]) -> Files:
        """From file names or paths, and declared languages."""
        extensions = tuple(map(fam.extension_of, names))
        pairs = list(zip(extensions, languages, strict=True))
        return Files(
            extensions,
            np.array([fam.family_of(*p) for p in pairs], np.int64),
            np.array([fam.kind_of(*p) for p in pairs], np.int64),
        )

    def among(self, extensions: frozenset[str]) -> NDArray[np.bool_]:
        """Whether each file's extension is one of these."""
        return np.array([e in extensions for e in self.extensions], np.bool_)


@leaf
def _count_chars(
    data: NDArray[np.uint8], start: int, end: int, classes: NDArray[np.uint8],
    row: NDArray[np.int64],
) -> None:  # fmt: skip
    for i in range(start, end):
        if data[i] & 0xC0 != 0x80:
            row[COMMENTS] += classes[i - start] == COMMENT
            row[STRINGS] += classes[i - start] > COMMENT


@leaf
def _holds(
    data: NDArray[np.uint8], i: int, end: int, phrase: NDArray[np.uint8], start: int,
    classes: NDArray[np.uint8], in_comment: bool,  # noqa: FBT001
) -> bool:  # fmt: skip
    """Whether a phrase stands at `i`, all of it inside or all of it outside of comments."""
    if not matches(data, i, end, phrase, True):
        return False
    same = True
    for k in range(i - start, i - start + phrase.shape[0]):
        same &= (classes[k] == COMMENT) == in_comment
    return same


@leaf
def _scan_line(
    data: NDArray[np.uint8], s: int, e: int, start: int, classes: NDArray[np.uint8],
    out: NDArray[np.uint8], row: NDArray[np.int64],
) -> int:  # fmt: skip
    """Count marks of a line; write its code without whitespace to `out` and give its size."""
    n = 0
    has_todo = has_assert = False
    i = s
    while i < e:
        in_comment = classes[i - start] == COMMENT
        low = data[i] | 32
        if in_comment:
            for k in range(_TODO_OFFSETS.shape[0] - 1):
                phrase = _TODO_BYTES[_TODO_OFFSETS[k] : _TODO_OFFSETS[k + 1]]
                if low == phrase[0]:
                    has_todo |= _holds(data, i, e, phrase, start, classes, True)
        elif low == _ASSERT[0]:
            has_assert |= _holds(data, i, e, _ASSERT, start, classes, False)
        w = u.width(data[i])
        if not in_comment and not u.FLAGS[u.record(u.decode(data, i, e))] & u.SPACE:
            for k in range(w):
                out[n + k] = data[i + k]
            n += w
        i += w
    row[TODOS] += has_todo
    row[ASSERTS] += has_assert
    return n


@leaf
def _scan_lines(
    data: NDArray[np.uint8], start: int, end: int, classes: NDArray[np.uint8],
    out: NDArray[np.uint8], slots: NDArray[np.uint32], keys: NDArray[np.uint64],
    first_key: NDArray[np.uint64], ids: NDArray[np.int32], counts: NDArray[np.int32],
    weights: NDArray[np.int64], row: NDArray[np.int64],
) -> None:  # fmt: skip
    """Count lines of code, marks in them, and copies of them (whitespace and comments apart)."""
    n = 0
    s = start
    while s < end:
        e = s
        while e < end and data[e] != 10:
            e += 1
        size = _scan_line(data, s, e, start, classes, out, row)
        if size:
            keys[n] = hash_bytes(out, 0, size)
            # OpenCoder: `},` and lines of one character are no copies.
            is_comma = size == 2 and matches(out, 0, 2, _COMMA_LINE, False)
            weights[n] = not is_comma and u.count_chars(out, 0, size) > 1
            n += 1
        s = e + 1
    row[CODE_LINES] = n
    number_keys(keys, n, slots, first_key, ids, counts)
    for i in range(n):
        row[COPIES] += weights[i] * (counts[ids[i]] > 1)


@leaf
def _is_url_in(data: NDArray[np.uint8], s: int, e: int) -> bool:
    """Whether `https?://` and something stand in a word."""
    found = False
    for i in range(s, e):
        if data[i] == 104:
            found |= matches(data, i, e, _HTTP, False) and i + 7 < e
            found |= matches(data, i, e, _HTTPS, False) and i + 8 < e
    return found


@leaf
def _scan_strings(
    data: NDArray[np.uint8], start: int, end: int, classes: NDArray[np.uint8],
    hashes: NDArray[np.uint64], lengths: NDArray[np.int32], marks: NDArray[np.uint8],
    row: NDArray[np.int64],
) -> None:  # fmt: skip
    """Count long lines and long words inside of strings."""
    i = start
    while i < end:
        if classes[i - start] != STRING:
            i += 1
            continue
        s = i
        while i < end and classes[i - start] == STRING:
            i += 1
        a = s
        for b in range(s, i + 1):
            if b == i or data[b] == 10:
                n = cut_tokens(data, a, b, STREAM_P, hashes, lengths, marks)
                row[LONG_STRINGS] += n > LONG_STRING_TOKENS
                a = b + 1
        word, chars = s, 0
        k = s
        while k <= i:
            if k < i and not u.FLAGS[u.record(u.decode(data, k, i))] & u.SPACE:
                chars += 1
                k += u.width(data[k])
                continue
            if chars > LONG_WORD_CHARS and not _is_url_in(data, word, k):
                row[LONG_WORDS] += chars
            k += u.width(data[k]) if k < i else 1
            word, chars = k, 0


@kernel
def code_sums(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    families: NDArray[np.int64],
    everything: bool,  # noqa: FBT001
    classes: NDArray[np.uint8],
    out: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
    lengths: NDArray[np.int32],
    marks: NDArray[np.uint8],
    arenas: Any,
    rows: NDArray[np.int64],
    reps: NDArray[np.int64],
) -> None:
    """Fill `rows` (documents, N_SUMS) and `reps` (documents, peer_repetition.N_SUMS), zeroed.

    Args:
        data: UTF-8 bytes, valid.
        offsets: byte offsets, documents + 1.
        families: of the documents; UNKNOWN: all of it is code.
        everything: false: only the characters of comments and strings.
        classes: arena of bytes for the longest document, as the next four.
        out: arena.
        hashes: arena.
        lengths: arena.
        marks: arena.
        arenas: `peer_gopher.Arenas.repetition`.
        rows: sums.
        reps: sums of repetition.
    """
    slots, seen, keys, first_key, ids, counts, grams, positions, sums = arenas
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        if families[d] >= 0:
            lex(data, start, end, families[d], classes)
            _count_chars(data, start, end, classes, row)
        else:
            classes[: end - start] = 0
        if not everything:
            continue
        _scan_lines(
            data, start, end, classes, out, slots, keys, first_key, ids[0], counts, sums, row
        )
        _scan_strings(data, start, end, classes, hashes, lengths, marks, row)
        n = cut_tokens(data, start, end, STREAM_C, hashes, lengths, marks)
        row[TOKENS] = n
        for i in range(n):
            row[TOKEN_CHARS] += lengths[i]
        row[KINDS] = rep.repeated(
            hashes, lengths, n, slots, seen, keys, first_key, ids, counts, grams, positions, sums,
            reps[d],
        )  # fmt: skip


def _sums(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], files: Files, *, everything: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n = len(offsets) - 1
    rows, reps = np.zeros((n, N_SUMS), np.int64), np.zeros((n, rep.N_SUMS), np.int64)
    a = arenas_for(offsets)
    code_sums(
        data, offsets, files.families, everything, np.empty(a.room + 1, np.uint8),
        np.empty(a.room + 1, np.uint8), a.hashes, a.lengths, a.marks, a.repetition, rows, reps,
    )  # fmt: skip
    return rows, reps


def _where(keep: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    return np.ma.MaskedArray(values, ~keep)


def _shares(
    rows: NDArray[np.int64], base: NDArray[np.int64]
) -> tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.int64]]:
    """Comments, strings, and characters outside of comments."""
    chars = base[:, c.CHARS]
    code = chars - rows[:, COMMENTS]
    return ratio(rows[:, COMMENTS], chars), ratio(rows[:, STRINGS], code), code


def code(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], base: NDArray[np.int64], files: Files
) -> dict[str, NDArray[Any]]:
    """The signals of group `code`; arguments as `peer_gopher.datatrove`, and the files."""
    rows, _ = _sums(data, offsets, files, everything=False)
    comments, strings, _ = _shares(rows, base)
    known = files.families >= 0
    return {"comment_frac": _where(known, comments), "string_frac": _where(known, strings)}


def opencoder(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], base: NDArray[np.int64], files: Files
) -> dict[str, NDArray[Any]]:
    """The signals of group `opencoder`; arguments as `code`."""
    rows, reps = _sums(data, offsets, files, everything=True)
    comments, strings, code_chars = _shares(rows, base)
    known, kind = files.families >= 0, files.kinds
    is_data, is_markup, is_sql = kind == fam.DATA, kind == fam.MARKUP, kind == fam.SQL
    no_strings = is_data | is_markup | (kind == fam.SHELL)
    visible = base[:, c.CHARS] - base[:, c.SPACE]
    lines, words, letters = rows[:, CODE_LINES], rows[:, TOKENS], rows[:, TOKEN_CHARS]
    digits, peer = ratio(base[:, c.DIGIT], visible), "@opencoder"
    out: dict[str, NDArray[Any]] = {
        "long_word_frac": _where(known & ~is_markup, ratio(rows[:, LONG_WORDS], code_chars)),
        "long_string_line_frac": _where(known & ~no_strings, ratio(rows[:, LONG_STRINGS], lines)),
        "todo_line_frac": _where(
            known & ~is_data & ~is_markup, ratio(rows[:, TODOS], base[:, c.LINES])
        ),
        "assert_line_frac": _where(
            known & ~no_strings & (kind != fam.GO), ratio(rows[:, ASSERTS], lines)
        ),
        f"comment_frac{peer}": _where(known & ~is_markup, comments),
        f"string_frac{peer}": _where(known & ~no_strings, strings),
        f"n_words{peer}": words,
        f"mean_word_length{peer}": ratio(letters, words),
        f"unique_word_frac{peer}": _where(is_data, ratio(rows[:, KINDS], words)),
        f"n_chars{peer}": _where(is_data, base[:, c.CHARS]),
        f"alpha_frac{peer}": ratio(base[:, c.ALPHA], visible),
        f"digit_frac{peer}": _where(~is_sql, digits),
        f"digit_frac{peer}_sql": _where(is_sql, digits),
        f"mean_line_length{peer}": ratio(base[:, c.CHARS], base[:, c.LINES]),
        f"dup_line_frac{peer}": ratio(rows[:, COPIES], lines),
    }
    for k in (2, 3, 4):
        out[f"top_ngram_chars_{k}{peer}"] = ratio(reps[:, rep.TOP + k - 2], letters)
    for k in range(5, 11):
        out[f"dup_ngram_chars_{k}{peer}"] = ratio(reps[:, rep.COVERED + k - 5], letters)
    return out


def starcoder(
    _data: NDArray[np.uint8], _offsets: NDArray[np.int64], base: NDArray[np.int64], files: Files
) -> dict[str, NDArray[Any]]:
    """The signals of group `starcoder`; arguments as `code`."""
    named = np.array([e != "" for e in files.extensions], np.bool_)
    kept, lines = files.among(star.KEPT), ~files.among(star.NO_LINE_RULES)
    is_500 = files.among(star.LONGEST_500)
    longest = base[:, c.MAX_LINE]
    alpha = ratio(base[:, c.ALPHA], base[:, c.CHARS])
    alnum = ratio(base[:, c.ALNUM], base[:, c.CHARS])
    mean = ratio(base[:, c.LINE_CHARS], base[:, c.LINES])
    return {
        "kept_extension@starcoder": _where(named, kept),
        "max_line_length@starcoder": _where(lines & ~is_500, longest),
        "max_line_length@starcoder_500": _where(is_500, longest),
        "mean_line_length@starcoder": _where(lines, mean),
        "alnum_frac@starcoder": _where(~files.among(star.NO_ALNUM_RULE), alnum),
        "alpha_frac@starcoder_25": _where(files.among(star.ALPHA_25), alpha),
        "alpha_frac@starcoder_50": _where(files.among(star.ALPHA_50), alpha),
        "n_chars@starcoder": _where(files.among(star.SIZED), base[:, c.CHARS]),
    }
