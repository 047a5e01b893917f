"""Signals on demand against their slow twins; nulls where no group is asked for."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text.signal_kernel import compute_signals
from mixcore.text.signals import GROUPS, SIGNALS, groups_of
from mixcore.text.signals_on_demand import ON_DEMAND
from tests.unit.reference_code import FILE_TWINS
from tests.unit.reference_peers import TWINS
from tests.unit.text_samples import DENSE, PIECES, SAMPLES, SPACES, TOKENS, WORST

ALL_TWINS = {**TWINS, **FILE_TWINS}
MEMBERS = {g: [s for s in ON_DEMAND if s.group == g] for g in GROUPS}


def check(texts: list[str], groups: tuple[str, ...] = GROUPS) -> None:
    """Every signal on demand of every text equals its twin, bit by bit."""
    got = compute_signals(pa.array(texts, pa.string()), groups).to_pylist()
    for text, row in zip(texts, got, strict=True):
        for group in groups:
            want = ALL_TWINS[group](text)
            assert set(want) == {s.name for s in MEMBERS[group]}
            wrong = {}
            for s in MEMBERS[group]:
                value, twin = row[s.column], want[s.name]
                if value != (np.float32(twin) if s.dtype == "f32" and twin is not None else twin):
                    wrong[s.name] = (value, twin)
            assert not wrong, (wrong, text[:500])


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=60, deadline=None)
def test_mixed_text(text: str) -> None:
    check([text])


@given(TOKENS, st.integers(1, 4), st.sampled_from(SPACES))
@settings(max_examples=60, deadline=None)
def test_repeated_phrases(pairs: list[tuple[str, str]], times: int, space: str) -> None:
    check([space.join(["".join(w + s for w, s in pairs)] * times)])


@given(DENSE)
@settings(max_examples=80, deadline=None)
def test_dense_symbols(text: str) -> None:
    check([text])


@given(st.lists(st.sampled_from("abc"), max_size=120).map(" ".join))
@settings(max_examples=40, deadline=None)
def test_few_words_often(text: str) -> None:
    check([text])


C4_PIECES = (
    "one two three four five", "One two three", "yes", "a b c d", "[1]", "[edit]",
    "[citation needed]", "[12", "[x]", "[\u0663]", ".", "...", "!", "?!", '."', ".'", ".\u201d",
    ". ", " J. K. Rowling", "U.S. e.g. 3.14", "lorem ipsum", "Lorem", "JavaScript", "{", "}",
    "use cookies", "Terms of Use", "w" * 1001, "\n", "\n", "\n", "\r\n", "\x0b", "\x1c", "\x85",
    "\u2028", " \n ", "\u3002", "\ufe12",
)  # fmt: skip


@given(st.lists(st.sampled_from(C4_PIECES), max_size=40).map("".join))
@settings(max_examples=200, deadline=None)
def test_pages_of_c4(text: str) -> None:
    check([text], ("c4", "fineweb"))


REFINEDWEB_PIECES = (
    "Items in cart", "2 items in cart", "READ MORE", "Read more...", "read more>>\u00e9",
    "Sign-in", "sign-in ", "one", "two words", "a b c d e f g h i j k", "CAPITALS", "LOud", "123",
    "\u00b2\u0663", "12 likes", "5k shares!", "(", "#x", "\u00e9t\u00e9", " ", "\u2003", "\0",
    "\n", "\n", "\n", "\n \n", ". . .", "\u25cf ", "- ", "* ", "\u2026", "...", "The", "AND",
    "\x1c", "\r",
)  # fmt: skip


@given(st.lists(st.sampled_from(REFINEDWEB_PIECES), max_size=40).map("".join))
@settings(max_examples=300, deadline=None)
def test_lines_of_dolma_and_dclm(text: str) -> None:
    check([text], ("dolma", "dclm", "refinedweb"))


def test_samples() -> None:
    check(SAMPLES)


def test_every_code_point() -> None:
    chars = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    step = 4001
    check([" a".join(chars[i : i + step]) for i in range(0, 0x3100, step)])
    check([" b".join(chars[0x3100::97]), "x\n".join(chars[0x80:0x3100:7])])


@pytest.mark.parametrize("name", WORST)
def test_worst_cases_in_small(name: str) -> None:
    check([WORST[name][:700] + WORST[name][-50:]])


@pytest.mark.parametrize("name", WORST)
def test_worst_cases_take_linear_time(name: str) -> None:
    text = pa.array([WORST[name]])
    compute_signals(text, GROUPS)
    started = time.process_time()
    compute_signals(text, GROUPS)
    taken = time.process_time() - started
    assert taken < 4.0, f"{taken:.2f} s for a megabyte"


def test_neighbours_do_not_matter() -> None:
    texts = pa.array([*SAMPLES, None, *SAMPLES[::-1]])
    whole = compute_signals(texts, GROUPS)
    alone = [compute_signals(texts.slice(i, 1), GROUPS) for i in range(len(texts))]
    assert pa.concat_arrays(alone).equals(whole)


def test_values_lie_in_their_domains() -> None:
    got = compute_signals(pa.array([*SAMPLES, *WORST.values()], pa.string()), GROUPS)
    for s in ON_DEMAND:
        values = got.field(s.column).drop_null().to_numpy(zero_copy_only=False)
        values = np.asarray(values, np.float64)
        low, high = s.domain
        assert np.isfinite(values).all(), s.name
        assert low <= values.min(initial=low), s.name
        assert values.max(initial=low) <= high, s.name


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_what_is_not_asked_for_is_null(group: str | None) -> None:
    got = compute_signals(pa.array(SAMPLES), (group,) if group else ())
    for s in SIGNALS:
        nulls = got.field(s.column).null_count
        if s.group in ("", group):
            assert nulls == 0 or s.nullable, s.name
        else:
            assert nulls == len(SAMPLES), s.name


def test_groups_of_names() -> None:
    assert groups_of(["n_words", "language", "n_tokens"]) == ()
    assert groups_of(s.name for s in ON_DEMAND) == GROUPS
