"""Scanners inside one W word: URLs, addresses, literals. Linear automata, no regex engine.

Each is the compiled form of a regular expression given in its docstring (`W` = the word,
ASCII classes unless said); none looks at a character more than a fixed number of times.
"""

# numba knows one integer, i64; numpy's stubs tell it from int, hence:
# mypy: disable-error-code="no-any-return,assignment,call-overload,return-value,arg-type,call-arg"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c
from mixcore.text.compiled import leaf
from mixcore.text.unicode_tables import FLAGS, SPACE, WORD, decode, record, step_back, width


def _byte_set(chars: str) -> NDArray[np.bool_]:
    members = np.zeros(256, np.bool_)
    members[[ord(char) for char in chars]] = True
    return members


_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
IS_HEX = _byte_set(_DIGITS + "abcdefABCDEF")
IS_ALNUM = _byte_set(_DIGITS + _LETTERS)
IS_LETTER = _byte_set(_LETTERS)
# RFC 5322 atom characters; huggingface/datatrove, utils of the PII formatter.
IS_ATOM = _byte_set(_DIGITS + _LETTERS + "!#$%&'*+/=?^_`{|}~-")
URL_CLOSE = ".,;:!?)]}>\"'"
_IS_URL_CLOSE = _byte_set(URL_CLOSE)
# Python 3.11 `ipaddress`: networks whose addresses are not global, as (network, mask).
NOT_GLOBAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/29", "192.0.0.170/31", "192.0.2.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
)  # fmt: skip


def _networks() -> NDArray[np.int64]:
    rows = []
    for text in NOT_GLOBAL:
        address, _, bits = text.partition("/")
        value = 0
        for octet in address.split("."):
            value = value * 256 + int(octet)
        mask = (0xFFFFFFFF << (32 - int(bits))) & 0xFFFFFFFF
        rows.append((value, mask))
    return np.array(rows, np.int64)


_NETWORKS = _networks()


@leaf
def is_word_at(data: NDArray[np.uint8], i: int, end: int) -> bool:
    r"""Whether the character at `i` exists and is `\w`."""
    return i < end and (FLAGS[record(decode(data, i, end))] & WORD) != 0


@leaf
def is_word_before(data: NDArray[np.uint8], i: int, start: int) -> bool:
    r"""Whether the character before `i` exists and is `\w`."""
    if i <= start:
        return False
    return is_word_at(data, step_back(data, i, start), i)


@leaf
def url_bytes(data: NDArray[np.uint8], s: int, e: int) -> tuple[int, int]:
    r"""Byte range of `(https?://|ftp://|www\.)\S+` in the word, any case, closers trimmed.

    The match runs to the word's end; characters of URL_CLOSE at its end do not count.
    """
    for i in range(s, e - 4):
        b = data[i] | 32
        n = 0
        if b == 119 and (data[i + 1] | 32) == 119 and (data[i + 2] | 32) == 119:
            if data[i + 3] == 46:
                n = 4
        elif b == 104 and i + 7 < e and (data[i + 1] | 32) == 116 and (data[i + 2] | 32) == 116:
            if (data[i + 3] | 32) == 112:
                n = 4 + ((data[i + 4] | 32) == 115)
        elif b == 102 and i + 6 < e and (data[i + 1] | 32) == 116 and (data[i + 2] | 32) == 112:
            n = 3
        if n and b != 119:
            if i + n + 3 < e and data[i + n] == 58 and data[i + n + 1] == 47:
                n = n + 3 if data[i + n + 2] == 47 else 0
            else:
                n = 0
        if n and i + n < e:
            end = e
            while end > i and _IS_URL_CLOSE[data[end - 1]]:
                end -= 1
            return i, end
    return s, s


@leaf
def _domain_end(data: NDArray[np.uint8], i: int, e: int) -> int:
    """End of at least two dot-joined labels from `i`, or -1."""
    labels = 0
    end = -1
    while i < e and IS_ALNUM[data[i]]:
        last = i
        while i < e and (IS_ALNUM[data[i]] or data[i] == 45):
            if data[i] != 45:
                last = i
            i += 1
        labels += 1
        if labels >= 2:
            end = last + 1
        if last + 1 != i or i >= e or data[i] != 46:
            break
        i += 1
    return end


@leaf
def count_emails(data: NDArray[np.uint8], s: int, e: int) -> int:
    r"""Matches of `\bA+(\.A+)*@(L\.)+L`, A = atom characters, L = a host label."""
    n = 0
    resume = s
    for at in range(s, e):
        if data[at] != 64 or at < resume:
            continue
        found = False
        i = at
        while i > resume:
            b = data[i - 1]
            if IS_ATOM[b]:
                i -= 1
                in_word = IS_ALNUM[b] or b == 95
                if not found and in_word != is_word_before(data, i, s):
                    found = True
                    break
            elif b == 46 and i < at and IS_ATOM[data[i]]:
                i -= 1
            else:
                break
        if found:
            end = _domain_end(data, at + 1, e)
            if end > 0:
                n += 1
                resume = end
    return n


@leaf
def _octet(data: NDArray[np.uint8], i: int, e: int) -> tuple[int, int]:
    """Value 0..255 without leading zero and end of the digit run at `i`; value -1 if none."""
    value = 0
    j = i
    while j < e and j < i + 4 and 48 <= data[j] <= 57:
        value = value * 10 + (np.int64(data[j]) - 48)
        j += 1
    if j == i or j > i + 3 or value > 255 or (data[i] == 48 and j > i + 1):
        return -1, j
    return value, j


@leaf
def count_ipv4(data: NDArray[np.uint8], s: int, e: int) -> int:
    r"""Public addresses `\bO\.O\.O\.O\b`, O = 0..255 without leading zeros."""
    n = 0
    i = s
    while i < e:
        if not 48 <= data[i] <= 57 or is_word_before(data, i, s):
            i += 1
            continue
        j = i
        address = 0
        good = True
        for part in range(4):
            value, j = _octet(data, j, e)
            if value < 0:
                good = False
                break
            address = address * 256 + value
            if part < 3:
                if j >= e or data[j] != 46:
                    good = False
                    break
                j += 1
        if good and not is_word_at(data, j, e):
            public = True
            for k in range(_NETWORKS.shape[0]):
                if (address & _NETWORKS[k, 1]) == _NETWORKS[k, 0]:
                    public = False
            n += public
            i = j
        else:
            i += 1
    return n


@leaf
def phone_end(data: NDArray[np.uint8], i: int, end: int) -> int:
    r"""End of `\(?\d{3}\)?[-. ]*\d{3}[-. ]?\d{4}` at `i`, or -1."""
    if i < end and data[i] == 40:
        i += 1
    for group in range(3):
        size = 4 if group == 2 else 3
        if i + size > end:
            return -1
        for _ in range(size):
            if not 48 <= data[i] <= 57:
                return -1
            i += 1
        if group == 0:
            if i < end and data[i] == 41:
                i += 1
            while i < end and (data[i] == 45 or data[i] == 46 or data[i] == 32):
                i += 1
        elif group == 1 and i < end and (data[i] == 45 or data[i] == 46 or data[i] == 32):
            i += 1
    return i


@leaf
def ocr_chain(data: NDArray[np.uint8], p: int, end: int, row: NDArray[np.int64]) -> None:
    r"""Count a run of spaced letters `\b([A-Za-z]\s)([a-z]\s)*[A-Za-z]\b` that starts at `p`."""
    if p < row[c.OCR_END]:
        return
    last = -1
    q = p
    while True:
        q += 1
        if q >= end:
            break
        if not FLAGS[record(decode(data, q, end))] & SPACE:
            break
        q += width(data[q])
        if q >= end or not IS_LETTER[data[q]]:
            break
        if q + 1 < end:
            after = FLAGS[record(decode(data, q + 1, end))]
            if after & WORD:
                break
        last = q + 1
        if data[q] < 97:
            break
    if last > 0:
        row[c.OCR_RUNS] += 1
        row[c.OCR_END] = last
