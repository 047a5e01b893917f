"""Which recorded batches a run uses, and how paths become patterns."""

from __future__ import annotations

import re

import pytest

from mixcore.ingest.batches import longest_chain, new_files, parse_options
from mixcore.ingest.listing import InputFile, Listing
from mixcore.ingest.patterns import id_root, pattern_regex, placeholder_groups
from mixcore.recipe.models import Source
from mixcore.runtime.keys import make_key


def identities(names):
    return [(n, 1, 1) for n in names]


def key_of(files, earlier):
    return make_key("ingest", 1, sorted(files), list(earlier))


def record(*batches):
    """A pool after batches (strings of one-letter file names) taken in one after the other."""
    recorded, chain = {}, []
    for batch in batches:
        key = key_of(identities(batch), chain)
        recorded[key] = identities(batch)
        chain.append(key)
    return recorded, chain


@pytest.mark.parametrize(
    ("batches", "listed", "n_used", "rest"),
    [
        ((), "ab", 0, "ab"),
        (("ab",), "ab", 1, ""),
        (("ab",), "abc", 1, "c"),
        (("ab", "c"), "abc", 2, ""),
        (("ab", "c"), "abcd", 2, "d"),
        # a file gone: its batch and all later ones do not count
        (("ab", "c"), "ab", 1, ""),
        (("ab", "c", "d"), "abd", 1, "d"),
        (("ab", "c"), "ac", 0, "ac"),
    ],
)
def test_the_chain_is_used_as_far_as_its_files_are_listed(batches, listed, n_used, rest):
    recorded, chain = record(*batches)
    found = longest_chain(recorded, identities(listed), key_of)
    assert found == chain[:n_used]
    files = [InputFile(n, 1, 1) for n in listed]
    assert [f.path for f in new_files(files, recorded, found)] == list(rest)


def test_of_two_chains_the_one_with_most_files_wins_and_ties_go_to_the_smallest_key():
    short, _ = record("a")
    long, chain = record("abc", "d")
    assert longest_chain({**short, **long}, identities("abcde"), key_of) == chain
    tied = {**record("a")[0], **record("b")[0]}  # neither follows the other
    assert longest_chain(tied, identities("ab"), key_of) == [min(tied)]


def test_a_changed_file_or_other_options_start_anew():
    recorded, _ = record("ab")
    assert longest_chain(recorded, [("a", 1, 1), ("b", 2, 1)], key_of) == []
    assert longest_chain(recorded, [("a", 1, 1), ("b", 1, 2)], key_of) == []
    other = lambda files, earlier: make_key("ingest", 2, sorted(files), list(earlier))  # noqa: E731
    assert longest_chain(recorded, identities("ab"), other) == []


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        ({}, False),
        ({"where": "lang = 'en'"}, False),
        ({"rules": "web"}, False),
        ({"exclude": {"ids": "x.txt"}}, False),
        ({"columns": {"text": "body"}}, True),
        ({"language": "en"}, True),
        ({"max_document_bytes": 9}, True),
        ({"on_corrupt_file": "quarantine"}, True),
    ],
)
def test_only_what_decides_the_rows_is_an_option(change, is_other):
    listing = Listing((), "jsonl", ("a.jsonl",))
    plain = parse_options("web", Source(path="a.jsonl"), listing, None)
    changed = parse_options("web", Source(path="a.jsonl", **change), listing, None)
    assert (plain != changed) is is_other
    assert parse_options("web", Source(path="a.jsonl"), listing, 0.5) != plain
    assert parse_options("books", Source(path="a.jsonl"), listing, None) != plain


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("d/*.gz", "d/a.gz", True),
        ("d/*.gz", "d/x/a.gz", False),
        ("d/**/*.py", "d/a.py", True),
        ("d/**/*.py", "d/x/y/a.py", True),
        ("d/**/*.py", "e/a.py", False),
        ("d/?.py", "d/a.py", True),
        ("d/?.py", "d/ab.py", False),
        ("d/[ab].py", "d/b.py", True),
        ("d/[!ab].py", "d/b.py", False),
        ("d/[!ab].py", "d/c.py", True),
        ("d.x/a+b.py", "d.x/a+b.py", True),
        ("d.x/a.py", "dyx/a.py", False),
        ("d/{dump}/*.py", "d/2024/a.py", True),
        ("d/**", "d/x/a", True),
        ("d", "d/x/a", True),
    ],
)
def test_patterns(pattern, path, is_match):
    assert bool(re.match(pattern_regex(pattern), path)) is is_match


def test_placeholders_are_groups_in_order():
    pattern = "cc/{dump}/p={part}/*.gz"
    found = re.match(pattern_regex(pattern), "cc/2024-10/p=7/a.gz")
    assert dict(zip(placeholder_groups(pattern), found.groups(), strict=True)) == {
        "dump": "2024-10",
        "part": "7",
    }


@pytest.mark.parametrize(
    ("patterns", "root"),
    [
        (["d/code/**/*.py"], "d/code/"),
        (["d/a/*.py", "d/b/*.py"], "d/"),
        (["d/a/", "d/b/*.py"], "d/"),
        (["/x/a.py"], "/x/"),
        (["a.py", "d/b.py"], ""),
    ],
)
def test_ids_of_files_are_relative_to_what_all_patterns_share(patterns, root):
    assert id_root(patterns) == root
