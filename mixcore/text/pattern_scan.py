"""Phrases of web pages, heads of generated files, encoded runs.

Phrases and runs of hex groups are looked for only where masks of 64 bytes show a trigram that
a phrase holds and other text seldom does, or 16 aligned bytes that all can stand in such a run.
Case folding is ASCII.
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
from mixcore.text.byte_classes import (
    BLOCK,
    ONE,
    ZERO,
    Ranges,
    after,
    first,
    masks_of,
    two_after,
)
from mixcore.text.compiled import kernel, leaf
from mixcore.text.word_scanners import IS_ALNUM, IS_HEX, is_word_at, is_word_before

JAVASCRIPT, LOREM, POLICY = range(3)
# C4 (tensorflow_datasets c4_utils.py): line rules, page rule, policy line rule.
PHRASES = (
    ("javascript", JAVASCRIPT),
    ("lorem ipsum", LOREM),
    ("terms of use", POLICY),
    ("privacy policy", POLICY),
    ("cookie policy", POLICY),
    ("uses cookies", POLICY),
    ("use of cookies", POLICY),
    ("use cookies", POLICY),
)
XML_HEAD = "<?xml version="
XML_HEAD_CHARS = 100
AUTOGEN_HEADS = ("generate", "autogen", "do not edit")
AUTOGEN_HEAD_CHARS = 200
BASE64_RUN_MIN = 64
HEX_GROUPS_MIN = 8
_PHRASE_BYTES = np.frombuffer("".join(p for p, _ in PHRASES).encode(), np.uint8)
_PHRASE_OFFSETS = np.cumsum([0] + [len(p) for p, _ in PHRASES])
_PHRASE_CLASS = np.array([k for _, k in PHRASES])
# Letters of each phrase that are together rare in text, and where their last one stands.
_TRIGRAMS = ("jav", "psu", "rms", "vac", "oki", "oki", "oki", "oki")
_TRIGRAM_END = np.array([p.index(t) + 2 for (p, _), t in zip(PHRASES, _TRIGRAMS, strict=True)])
_XML = np.frombuffer(XML_HEAD.encode(), np.uint8)
_GENERATE, _AUTOGEN, _DO_NOT_EDIT = (np.frombuffer(h.encode(), np.uint8) for h in AUTOGEN_HEADS)


def _fold() -> NDArray[np.uint8]:
    fold = np.arange(256, dtype=np.uint8)
    fold[65:91] += 32
    return fold


def _base64() -> NDArray[np.bool_]:
    members = IS_ALNUM.copy()
    members[[ord(x) for x in "+/\n="]] = True
    return members


_FOLD = _fold()
_IS_BASE64 = _base64()
# Bytes that can stand in a run of hex groups; letters of prose break it.
_HEX_CHAIN: Ranges = (
    (9, 13), (32, 32), (44, 44), (48, 57), (65, 70), (88, 88), (92, 92), (97, 102), (120, 120),
)  # fmt: skip


def _members(ranges: Ranges) -> NDArray[np.bool_]:
    members = np.zeros(256, np.bool_)
    for low, high in ranges:
        members[low : high + 1] = True
    return members


_IS_HEX_CHAIN = _members(_HEX_CHAIN)
_LETTERS = "acijkmoprsuv"  # of the trigrams
_letters_and_chain = masks_of(
    (*(((ord(x) - 32, ord(x) - 32), (ord(x), ord(x))) for x in _LETTERS), _HEX_CHAIN)
)
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_S8, _S56 = np.uint64(8), np.uint64(56)
_HEX_CHAIN_MIN = 2 * HEX_GROUPS_MIN + 7  # eight groups and what divides them


@leaf
def matches(
    data: NDArray[np.uint8],
    i: int,
    end: int,
    phrase: NDArray[np.uint8],
    fold: bool,  # noqa: FBT001
) -> bool:
    """Whether `phrase` stands at `i`; with `fold`, in any ASCII case."""
    if i + phrase.shape[0] > end:
        return False
    for j in range(phrase.shape[0]):
        b = data[i + j]
        if fold:
            b = _FOLD[b]
        if b != phrase[j]:
            return False
    return True


@leaf
def _count_phrase(
    data: NDArray[np.uint8], end: int, at: int, k: int, done: Any, row: NDArray[np.int64]
) -> None:
    """Count phrase `k`, which stands at `at`: a line once, lorem ipsum each time.

    `done` says for each of the three classes before which position nothing counts any more.
    """
    kind = _PHRASE_CLASS[k]
    if at < done[kind]:
        return
    if kind == LOREM:
        row[c.LOREM] += 1
        done[kind] = at + _PHRASE_OFFSETS[k + 1] - _PHRASE_OFFSETS[k]
        return
    row[c.JAVASCRIPT_LINES if kind == JAVASCRIPT else c.POLICY_LINES] += 1
    while at < end and data[at] != 10:
        at += 1
    done[kind] = at


@leaf
def _triggers(data: Any, i: int, end: int, tail: Any, before: Any) -> Any:
    """Where trigrams end in the block at `i`, which bytes hex runs have, the letters' masks."""
    left = min(end - i, BLOCK)
    if left < BLOCK:
        for j in range(BLOCK):
            tail[j] = data[i + j] if j < left else 46
        a, c_, i_, j_, k, m, o, p, r, s, u_, v, chain = _letters_and_chain(tail, 0)
    else:
        a, c_, i_, j_, k, m, o, p, r, s, u_, v, chain = _letters_and_chain(data, i)
    b_j, b_p, b_r, b_v, b_o, b_a, b_s, b_m, b_k = before
    ends = (
        (v & after(a, b_a) & two_after(j_, b_j))
        | (u_ & after(s, b_s) & two_after(p, b_p))
        | (s & after(m, b_m) & two_after(r, b_r))
        | (c_ & after(a, b_a) & two_after(v, b_v))
        | (i_ & after(k, b_k) & two_after(o, b_o))
    )
    return ends, chain, (j_, p, r, v, o, a, s, m, k)


@leaf
def _scan_blocks(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    tail: NDArray[np.uint8],
    done: NDArray[np.int64],
    row: NDArray[np.int64],
) -> None:
    """Count phrases and runs of hex groups; `tail` is scratch of 64 bytes, `done` of 3 numbers."""
    done[:] = 0
    hex_done = start
    full_before = ZERO
    before = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
    for base in range(start, end, BLOCK):
        ends, chain, before = _triggers(data, base, end, tail, before)
        while ends != ZERO:
            last = base + first(ends)
            ends &= ends - ONE
            for k in range(_PHRASE_CLASS.shape[0]):
                at = last - _TRIGRAM_END[k]
                phrase = _PHRASE_BYTES[_PHRASE_OFFSETS[k] : _PHRASE_OFFSETS[k + 1]]
                if at >= start and matches(data, at, end, phrase, True):
                    _count_phrase(data, end, at, k, done, row)
        # A long run holds two neighbouring groups of eight aligned bytes: top bits of `full`.
        full = ~(((~chain & _LOW7) + _LOW7) | ~chain | _LOW7)
        pairs = full & ((full << _S8) | (full_before >> _S56))
        full_before = full
        while pairs != ZERO:
            at = base + first(pairs)
            pairs &= pairs - ONE
            if at >= hex_done:
                hex_done = _hex_runs(data, start, end, at, hex_done, row)


@leaf
def _scan_heads(data: NDArray[np.uint8], start: int, end: int, row: NDArray[np.int64]) -> None:
    """Set the marks of XML and of generated code, in the first 100 and 200 characters."""
    chars = 0
    xml_end = start
    i = start
    while i < end and chars < AUTOGEN_HEAD_CHARS:
        i += u.width(data[i])
        chars += 1
        if chars == XML_HEAD_CHARS:
            xml_end = i
    head_end = min(i, end)
    if chars < XML_HEAD_CHARS:
        xml_end = head_end
    for i in range(start, head_end):
        b = data[i]
        if b == 60:
            if matches(data, i, xml_end, _XML, False):
                row[c.XML_HEAD] = 1
            continue
        b = _FOLD[b]
        if (b == 103 or b == 97 or b == 100) and (
            matches(data, i, head_end, _GENERATE, True)
            or matches(data, i, head_end, _AUTOGEN, True)
            or matches(data, i, head_end, _DO_NOT_EDIT, True)
        ):
            row[c.AUTOGEN_HEAD] = 1


@leaf
def _add_run(row: NDArray[np.int64], size: int) -> None:
    row[c.ENCODED_MAX] = max(row[c.ENCODED_MAX], size)
    row[c.ENCODED_CHARS] += size


@leaf
def _scan_base64(data: NDArray[np.uint8], start: int, end: int, row: NDArray[np.int64]) -> None:
    r"""Runs `[A-Za-z0-9+/\n=]{64,}`: look at every 64th byte, walk back from a member."""
    i = start
    while i + BASE64_RUN_MIN <= end:
        j = i + BASE64_RUN_MIN - 1
        while j >= i and _IS_BASE64[data[j]]:
            j -= 1
        if j >= i:
            i = j + 1
            continue
        j = i + BASE64_RUN_MIN
        while j < end and _IS_BASE64[data[j]]:
            j += 1
        _add_run(row, j - i)
        i = j


@leaf
def _hex_run_end(data: NDArray[np.uint8], s: int, end: int) -> int:
    r"""End of at least eight groups `(0x|\x)?HH` at `s`, or -1.

    Between two groups stands a comma, ASCII whitespace, both, or a word boundary.
    """
    i = s
    groups = 0
    run_end = -1
    while True:
        j = i
        if j + 1 < end and (
            (data[j] == 48 and (data[j + 1] | 32) == 120) or (data[j] == 92 and data[j + 1] == 120)
        ):
            j += 2
        if j + 1 >= end or not IS_HEX[data[j]] or not IS_HEX[data[j + 1]]:
            break
        j += 2
        groups += 1
        if groups >= HEX_GROUPS_MIN:
            run_end = j
        k = j
        if k < end and data[k] == 44:
            k += 1
        while k < end and (data[k] == 32 or 9 <= data[k] <= 13):
            k += 1
        if k == j and is_word_at(data, j, end):
            break
        i = k
    return run_end


@leaf
def _hex_runs(
    data: NDArray[np.uint8], start: int, end: int, at: int, done: int, row: NDArray[np.int64]
) -> int:
    """Count runs of hex groups in the chain of their bytes around `at`; gives the chain's end."""
    i = at
    while i > done and _IS_HEX_CHAIN[data[i - 1]]:
        i -= 1
    stop = at
    while stop < end and _IS_HEX_CHAIN[data[stop]]:
        stop += 1
    while i + _HEX_CHAIN_MIN <= stop:
        if (IS_HEX[data[i]] or data[i] == 92) and not is_word_before(data, i, start):
            run_end = _hex_run_end(data, i, stop)
            if run_end > 0:
                _add_run(row, run_end - i)
                i = run_end
                continue
        i += 1
    return stop


@leaf
def escape_run(data: NDArray[np.uint8], i: int, end: int, row: NDArray[np.int64]) -> int:
    r"""Count the run of at least eight `\uXXXX` at the backslash `i`; gives where to go on."""
    j = i
    while (
        j + 6 <= end
        and data[j] == 92
        and data[j + 1] == 117
        and IS_HEX[data[j + 2]]
        and IS_HEX[data[j + 3]]
        and IS_HEX[data[j + 4]]
        and IS_HEX[data[j + 5]]
    ):
        j += 6
    if j - i >= 6 * HEX_GROUPS_MIN:
        _add_run(row, j - i)
    return max(j, i + 1)


@kernel
def scan_patterns(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Fill the counters of phrases, heads and encoded runs of every document."""
    tail = np.zeros(BLOCK, np.uint8)
    done = np.zeros(3, np.int64)  # classes
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        _scan_blocks(data, start, end, tail, done, row)
        _scan_heads(data, start, end, row)
        _scan_base64(data, start, end, row)
