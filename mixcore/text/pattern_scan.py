"""Third pass: phrases of web pages, heads of generated files, encoded runs.

Phrases are found together by Wu and Manber's shifts (a fast algorithm for multi-pattern
searching, 1994): the last two bytes of a window tell how far it may jump. Case folding is ASCII.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"
# ruff: noqa: PLR1714 # `x in {..}` builds a set in compiled code

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text import unicode_tables as u
from mixcore.text.compiled import leaf
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
_WINDOW = min(len(p) for p, _ in PHRASES)
_XML = np.frombuffer(XML_HEAD.encode(), np.uint8)
_GENERATE, _AUTOGEN, _DO_NOT_EDIT = (np.frombuffer(h.encode(), np.uint8) for h in AUTOGEN_HEADS)


def _fold() -> NDArray[np.uint8]:
    fold = np.arange(256, dtype=np.uint8)
    fold[65:91] += 32
    return fold


def _shifts() -> NDArray[np.uint8]:
    """How far a window may jump, by a 10-bit key of its last two folded bytes."""
    shifts = np.full(1024, _WINDOW - 1, np.uint8)
    for phrase, _ in PHRASES:
        for end in range(1, _WINDOW):
            key = (ord(phrase[end - 1]) & 31) << 5 | (ord(phrase[end]) & 31)
            shifts[key] = min(shifts[key], _WINDOW - 1 - end)
    return shifts


def _base64() -> NDArray[np.bool_]:
    members = IS_ALNUM.copy()
    members[[ord(x) for x in "+/\n="]] = True
    return members


def _hex_chain() -> NDArray[np.bool_]:
    """Bytes that can stand in a run of hex groups; letters of prose break it."""
    members = IS_HEX.copy()
    members[[ord(x) for x in "xX\\, \t\n\r\v\f"]] = True
    return members


_FOLD = _fold()
_SHIFTS = _shifts()
_IS_BASE64 = _base64()
_IS_HEX_CHAIN = _hex_chain()
_HEX_CHAIN_MIN = 2 * HEX_GROUPS_MIN + 7  # eight groups and what divides them


@leaf
def _matches(
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
def _scan_phrases(data: NDArray[np.uint8], start: int, end: int, row: NDArray[np.int64]) -> None:
    """Count lines with javascript, lines with a policy phrase, and lorem ipsum."""
    javascript_done = policy_done = lorem_done = np.int64(-1)  # nothing counts before these
    i = start + _WINDOW - 1
    while i < end:
        shift = _SHIFTS[(np.int64(data[i - 1]) & 31) << 5 | (np.int64(data[i]) & 31)]
        if shift:
            i += shift
            continue
        at = i - _WINDOW + 1
        for k in range(_PHRASE_CLASS.shape[0]):
            phrase = _PHRASE_BYTES[_PHRASE_OFFSETS[k] : _PHRASE_OFFSETS[k + 1]]
            if not _matches(data, at, end, phrase, True):
                continue
            kind = _PHRASE_CLASS[k]
            if kind == LOREM:
                if at >= lorem_done:
                    row[c.LOREM] += 1
                    lorem_done = at + phrase.shape[0]
                continue
            if at < (javascript_done if kind == JAVASCRIPT else policy_done):
                continue
            line_end = at
            while line_end < end and data[line_end] != 10:
                line_end += 1
            if kind == JAVASCRIPT:
                row[c.JAVASCRIPT_LINES] += 1
                javascript_done = line_end
            else:
                row[c.POLICY_LINES] += 1
                policy_done = line_end
        i += 1


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
            if _matches(data, i, xml_end, _XML, False):
                row[c.XML_HEAD] = 1
            continue
        b = _FOLD[b]
        if (b == 103 or b == 97 or b == 100) and (
            _matches(data, i, head_end, _GENERATE, True)
            or _matches(data, i, head_end, _AUTOGEN, True)
            or _matches(data, i, head_end, _DO_NOT_EDIT, True)
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
def _scan_hex(data: NDArray[np.uint8], start: int, end: int, row: NDArray[np.int64]) -> None:
    """Runs of hex groups, found like base64 runs by the bytes they are made of."""
    i = start
    while i + _HEX_CHAIN_MIN <= end:
        j = i + _HEX_CHAIN_MIN - 1
        while j >= i and _IS_HEX_CHAIN[data[j]]:
            j -= 1
        if j >= i:
            i = j + 1
            continue
        j = i + _HEX_CHAIN_MIN
        while j < end and _IS_HEX_CHAIN[data[j]]:
            j += 1
        while i < j:
            if not is_word_before(data, i, start):
                stop = _hex_run_end(data, i, j)
                if stop > 0:
                    _add_run(row, stop - i)
                    i = stop
                    continue
            i += 1
        i = j


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


@leaf
def scan_patterns(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Fill the counters of phrases, heads and encoded runs of every document."""
    for d in range(offsets.shape[0] - 1):
        start = offsets[d]
        end = offsets[d + 1]
        row = rows[d]
        _scan_phrases(data, start, end, row)
        _scan_heads(data, start, end, row)
        _scan_base64(data, start, end, row)
        _scan_hex(data, start, end, row)
