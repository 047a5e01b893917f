"""Two texts side by side, word by word: short excerpts around what differs. No Spark.

Bounded whatever the texts: words are compared from the first difference on, so many of them, with
so many edits; of what is found so many places are shown, each so long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MAX_WORDS = 1500
"""Words of each text that are compared, from the first difference on."""
MAX_EDITS = 250
"""Words left out and put in that the comparison finds; beyond, the rest counts as other text.
At most 31,000 steps, some 20 ms."""
MAX_PLACES = 4
"""Places shown of a pair."""
PLACE_WORDS = 60
"""Words of each text shown at a place."""
CONTEXT_WORDS = 8
"""Common words shown before and after a difference."""
_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"([{_SPACELESS}]|[^\s{_SPACELESS}]{{1,40}})(\s*)")
"""A word and the space after it. Scripts without spaces go letter by letter, long words in parts.
"""

Run = tuple[int, int, int, int]
"""Words `a:b` of the left text differ from `c:d` of the right one; a = b or c = d may hold."""


@dataclass(frozen=True)
class _Words:
    keys: list[str]
    """What is compared."""
    shown: list[str]
    """With the space after it."""


def _words(text: str) -> _Words:
    found = _WORD.findall(text)
    return _Words([word for word, _ in found], [word + space for word, space in found])


def side_by_side(left: str, right: str) -> dict[str, Any]:
    """Where two texts differ, for a table with a column for each.

    White space is not compared.

    Returns:
        `places`: each with `skipped` (common words left out before it), `left` and `right` (lists
        of [stretch of text, whether the other text has it]). Texts with the same words have one
        place, their beginning. `more`: further differences that are not shown. `is_whole`: whether
        the texts were compared to their ends.

    >>> side_by_side("one two", "one three")["places"]
    [{'skipped': 0, 'left': [['one ', True], ['two', False]], 'right': [['one ', True], ['three', \
False]]}]
    """
    a, b = _words(left), _words(right)
    n_same = _common_prefix(a.keys, b.keys)
    x, y = a.keys[n_same : n_same + MAX_WORDS], b.keys[n_same : n_same + MAX_WORDS]
    runs = [(i + n_same, j + n_same, k + n_same, m + n_same) for i, j, k, m in differing_runs(x, y)]
    is_whole = max(len(a.keys), len(b.keys)) <= n_same + MAX_WORDS
    if not runs:
        start = [_stretch(t.shown, 0, PLACE_WORDS, is_same=True) for t in (a, b)]
        place = {"skipped": 0, "left": start[0], "right": start[1]}
        return {"places": [place], "more": 0, "is_whole": is_whole}
    groups = _grouped(runs)
    gaps = [later[0][0] - before[-1][1] for before, later in pairwise(groups)]
    tails = [min(CONTEXT_WORDS, gap) for gap in [*gaps, CONTEXT_WORDS]]
    rooms = [groups[0][0][0], *(gap - tail for gap, tail in zip(gaps, tails, strict=False))]
    places = []
    for group, tail, room in list(zip(groups, tails, rooms, strict=True))[:MAX_PLACES]:
        lead = min(CONTEXT_WORDS, room)
        places.append({"skipped": room - lead, **_place(a, b, group, lead, tail)})
    return {
        "places": places,
        "more": sum(map(len, groups[MAX_PLACES:])),
        "is_whole": is_whole,
    }


def _common_prefix(a: list[str], b: list[str]) -> int:
    shorter = min(len(a), len(b))
    return next((i for i in range(shorter) if a[i] != b[i]), shorter)


def differing_runs(a: list[str], b: list[str]) -> list[Run]:
    """The fewest words to leave out and put in to make `a` into `b` (Myers 1986, section 3).

    Returns:
        Runs in order, with at least one common word between two of them. With more than MAX_EDITS
        edits a single run over all that lies between the common beginning and the common end.
    """
    start = _common_prefix(a, b)
    room = min(len(a), len(b)) - start
    tail = next((i for i in range(room) if a[-1 - i] != b[-1 - i]), room)
    end_a, end_b = len(a) - tail, len(b) - tail
    if start == end_a and start == end_b:
        return []
    moves = _moves(a[start:end_a], b[start:end_b])
    if moves is None:
        return [(start, end_a, start, end_b)]
    runs: list[Run] = []
    for x, y, down in moves:
        i, k = x + start, y + start
        j, m = (i, k + 1) if down else (i + 1, k)
        if runs and runs[-1][1] == i and runs[-1][3] == k:
            runs[-1] = (runs[-1][0], j, runs[-1][2], m)
        else:
            runs.append((i, j, k, m))
    return runs


def _moves(a: list[str], b: list[str]) -> list[tuple[int, int, bool]] | None:
    """(x, y, is it b[y] put in rather than a[x] left out) of each edit; None: too many."""
    n, m = len(a), len(b)
    furthest = {1: 0}  # by diagonal x - y; -1: out of reach
    history: list[dict[int, int]] = []
    for d in range(min(MAX_EDITS, n + m) + 1):
        history.append(dict(furthest))
        for k in range(-d, d + 1, 2):
            x = _step(furthest, k, d, n, m)[0]
            while 0 <= x < n and x - k < m and a[x] == b[x - k]:
                x += 1
            furthest[k] = x
            if x == n and x - k == m:
                return _traced(history, n, m)
    return None


def _step(furthest: dict[int, int], k: int, d: int, n: int, m: int) -> tuple[int, bool]:
    """(x after the best edit onto diagonal k, whether it puts a word in); x = -1: none."""
    down = furthest.get(k + 1, -1)
    down = down if down - k <= m else -1
    right = furthest.get(k - 1, -1)
    right = right + 1 if d and 0 <= right < n else -1
    return (down, True) if down >= right else (right, False)


def _traced(history: list[dict[int, int]], n: int, m: int) -> list[tuple[int, int, bool]]:
    moves: list[tuple[int, int, bool]] = []
    k = n - m
    for d in range(len(history) - 1, 0, -1):
        x, down = _step(history[d], k, d, n, m)
        moves.append((x, x - k - 1, True) if down else (x - 1, x - k, False))
        k = k + 1 if down else k - 1
    return moves[::-1]


def _grouped(runs: list[Run]) -> list[list[Run]]:
    """Runs that are shown together: few common words lie between them, and they are not long."""
    groups: list[list[Run]] = []
    for run in runs:
        if groups:
            first, last = groups[-1][0], groups[-1][-1]
            is_near = run[0] - last[1] <= 2 * CONTEXT_WORDS
            length = max(run[1] - first[0], run[3] - first[2])
            if is_near and length <= PLACE_WORDS:
                groups[-1].append(run)
                continue
        groups.append([run])
    return groups


def _place(a: _Words, b: _Words, group: list[Run], lead: int, tail: int) -> dict[str, Any]:
    """Both sides of a group of differences, with `lead` and `tail` common words around it."""
    sides: dict[str, Any] = {}
    for name, words, at in (("left", a.shown, 0), ("right", b.shown, 2)):
        parts: list[list[Any]] = []
        end = group[0][at] - lead
        for run in group:
            parts += _stretch(words, end, run[at], is_same=True)
            parts += _stretch(words, run[at], run[at + 1], is_same=False)
            end = run[at + 1]
        parts += _stretch(words, end, end + tail, is_same=True)
        sides[name] = parts
    return sides


def _stretch(words: list[str], start: int, end: int, *, is_same: bool) -> list[list[Any]]:
    """Words as one part of a side; the middle of a long one is left out."""
    end = min(end, len(words))
    if start >= end:
        return []
    if end - start > PLACE_WORDS:
        half = PLACE_WORDS // 2
        text = "".join(words[start : start + half]) + "[…] " + "".join(words[end - half : end])
    else:
        text = "".join(words[start:end])
    if is_same:
        return [[text, True]]
    # The space after the last word is no difference.
    bare = text.rstrip()
    return [[bare, False], *([[text[len(bare) :], True]] if bare != text else [])]
