"""Bins, percentiles, exclusion lists and limits: the parts of quality without Spark."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcore.quality import bins, gates, lists
from mixcore.quality.bins import BINS, component_table, percentiles, unit_map
from mixcore.recipe.models import Exclude
from mixcore.runtime.errors import RecipeError
from mixcore.text.signals import SIGNALS


@pytest.mark.parametrize("module", [bins, gates, lists])
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda s: s.name)
def test_a_map_is_monotone_and_stays_in_the_unit_interval(signal):
    low, high = signal.domain
    values = np.linspace(low, min(high, 1e7), 1001)
    scale = unit_map(signal.name).scale
    mapped = np.clip(values if scale is None else values / (values + scale), 0, 1)
    assert (np.diff(mapped) >= 0).all()
    assert mapped[0] == 0.0
    assert mapped[-1] > 0.99
    assert (scale is None) == (high == 1.0 or signal.name.startswith("top_ngram"))


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
def test_percentiles_are_midranks(counts):
    """Twin: lay every unit of weight in a row and take the middle of each bin's stretch."""
    got = percentiles(np.array(counts, np.int64))
    total, below = sum(counts), 0
    for i, n in enumerate(counts):
        want = (2 * below + n) / (2 * total) if total else (i + 0.5) / len(counts)
        assert got[i] == want
        below += n
    assert (np.diff(got) >= 0).all()


def test_a_component_can_be_turned_round_and_a_missing_one_counts_as_the_middle():
    histogram = np.zeros(BINS, np.int64)
    histogram[[10, 20]] = 1, 3
    high = component_table(histogram, 0.25, high_is_better=True)
    low = component_table(histogram, 0.25, high_is_better=False)
    assert (high[10], high[20], high[BINS]) == (0.25 * 0.125, 0.25 * 0.625, 0.125)
    assert (low[10], low[20], low[BINS]) == (0.25 * 0.875, 0.25 * 0.375, 0.125)


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("http://example.com/a", "example.com"),
        ("HTTPS://EXAMPLE.com", "example.com"),
        ("//example.com/x", "example.com"),
        ("example.com/path", "example.com"),
        ("example.com:8080/x", "example.com"),
        ("http://me:pw@example.com:1/x@y", "example.com"),
        ("http://example.com./", "example.com"),
        ("http://example.com\\x", "example.com"),
        ("http://example.com/a|b c{}", "example.com"),  # java.net.URI refuses this one
        ("  http://example.com", "example.com"),
        ("http://[::1]:80/", "[::1]"),
        ("", ""),
        ("/a/b", ""),
    ],
)
def test_the_host_of_an_address(value, host):
    assert lists.normalise_host(value) == host


def test_lists_are_read_normalised_and_named_by_content(tmp_path):
    domains, again, ids = tmp_path / "d.txt", tmp_path / "e.txt", tmp_path / "i.txt"
    domains.write_text("# bad ones\nBad.example\n\n*.worse.example\nbücher.example\n", "utf-8")
    again.write_text("worse.example\nbad.example\nbücher.example\nbad.example", "utf-8-sig")
    ids.write_text("a#1\n  b \n#c\n")
    (one, named), (two,) = (
        lists.read_lists(Exclude(domains=str(domains), ids=str(ids)), "web"),
        lists.read_lists(Exclude(domains=str(again)), "web"),
    )
    assert one.entries == (
        "bad.example", "bücher.example", "worse.example", "xn--bcher-kva.example"
    )  # fmt: skip
    assert one.digest == two.digest
    assert named.entries == ("a#1", "b")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_list_is_the_users_error(tmp_path, content):
    path = tmp_path / "d.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"sources\.web\.exclude\.domains"):
        lists.read_lists(Exclude(domains=str(path)), "web")
