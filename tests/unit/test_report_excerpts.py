"""The word diff of the report: fewest edits, true to both texts, bounded."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.report import excerpts
from mixcore.report.excerpts import (
    CONTEXT_WORDS,
    MAX_EDITS,
    MAX_PLACES,
    PLACE_WORDS,
    differing_runs,
    side_by_side,
)


def longest_common(a, b):
    """Words of the longest common subsequence, by the textbook table."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


WORDS = st.lists(st.sampled_from("abcd"), max_size=14)


@settings(max_examples=300)
@given(WORDS, WORDS)
def test_runs_are_the_fewest_edits_that_make_one_text_the_other(a, b):
    i = k = n_common = 0
    for start, end, other_start, other_end in differing_runs(a, b):
        assert end > start or other_end > other_start
        assert i == 0 == k or start > i  # a common word lies between two runs
        assert a[i:start] == b[k:other_start]
        n_common += start - i
        i, k = end, other_end
    assert a[i:] == b[k:]
    assert n_common + len(a) - i == longest_common(a, b)


def test_too_many_edits_are_one_run_between_the_common_ends():
    rng = random.Random(3)
    left, right = ([str(rng.random()) for _ in range(MAX_EDITS)] for _ in range(2))
    runs = differing_runs(["a", "b", *left, "z"], ["a", "b", *right, "z"])
    assert runs == [(2, 2 + MAX_EDITS, 2, 2 + MAX_EDITS)]


def shown(text, other):
    return [
        (p["skipped"], "".join(t if same else f"<{t}>" for t, same in p["left"]))
        for p in side_by_side(text, other)["places"]
    ]


LONG = [f"w{i}" for i in range(400)]


def changed(*at):
    return " ".join("X" if i in at else w for i, w in enumerate(LONG))


@pytest.mark.parametrize(
    ("left", "right", "places"),
    [
        ("a b c", "a b c", [(0, "a b c")]),
        ("a  b\nc", "a b c", [(0, "a  b\nc")]),
        ("a X c", "a Y c", [(0, "a <X> c")]),
        ("a c", "a b c", [(0, "a c")]),
        ("", "a", [(0, "")]),
        ("", "", [(0, "")]),
        ("我们的自由", "我们是自由", [(0, "我们<的>自由")]),
    ],
)
def test_short_texts_are_shown_whole(left, right, places):
    assert shown(left, right) == places


def test_common_words_between_places_are_counted_not_shown():
    found = side_by_side(changed(), changed(100, 110, 300))
    assert [p["skipped"] for p in found["places"]] == [100 - CONTEXT_WORDS, 173]
    assert found["places"][0]["left"][0] == [" ".join(LONG[92:100]) + " ", True]
    assert [t for t, same in found["places"][0]["left"] if not same] == ["w100", "w110"]
    assert (found["more"], found["is_whole"]) == (0, True)


def test_neighbouring_places_share_no_word():
    """Differences every ten words: a place holds a stretch of them, the next goes on after it."""
    found = side_by_side(changed(), changed(*range(5, 400, 10)))
    words = [w for p in found["places"] for t, _ in p["left"] for w in t.split()]
    assert words == LONG[: len(words)]
    assert [p["skipped"] for p in found["places"]] == [0] * MAX_PLACES
    assert found["more"] > 0


@given(
    st.text("ab \n中", max_size=800), st.text("ab \n中", max_size=800),
    st.sampled_from([0, 50, 5000]),
)  # fmt: skip
def test_places_are_bounded_and_true_to_the_texts(left, right, n_common):
    left, right = "c " * n_common + left, "c " * n_common + right
    found = side_by_side(left, right)
    assert len(found["places"]) <= MAX_PLACES
    for side, text in (("left", left), ("right", right)):
        for place in found["places"]:
            parts = "".join(t for t, _ in place[side])
            assert len(parts.split()) <= 4 * PLACE_WORDS + 2 * CONTEXT_WORDS
            for stretch in parts.split("[…] "):
                assert stretch.strip() in text
    marked = [t for p in found["places"] for s in ("left", "right") for t, same in p[s] if not same]
    assert bool(marked) == (re.sub(r"\s", "", left) != re.sub(r"\s", "", right)) or marked
    assert all(t == t.strip() for t in marked)


def test_only_so_many_words_are_compared():
    left = " ".join(["a", "X", *(["w"] * excerpts.MAX_WORDS), "y"])
    found = side_by_side(left, left.replace("X", "Z").replace("y", "q"))
    assert found["is_whole"] is False
    assert [t for p in found["places"] for t, same in p["left"] if not same] == ["X"]
