"""What a path of the recipe stands for, on a local disk. Needs no Spark."""

from __future__ import annotations

import pytest

from mixcore.ingest.listing import list_source
from mixcore.recipe.models import Source
from mixcore.runtime.errors import RecipeError

TREE = (
    "a.jsonl", "b.jsonl.gz", "c.txt", ".hidden.jsonl", "_part.jsonl", "x/d.jsonl", "x/y/e.jsonl",
    ".git/f.jsonl", "_tmp/g.jsonl", "code/__init__.py", "code/.env", "code/m/[id].py",
    "t/p.parquet", "t/_SUCCESS", "dump-1/z.jsonl", "dump-2/z.jsonl",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(path, **source):
    return list_source(None, "s", Source(path=path, **source))


@pytest.mark.parametrize(
    ("path", "fmt", "names"),
    [
        ("*.jsonl", None, ["a.jsonl"]),
        ("./*.jsonl", None, ["a.jsonl"]),
        (["*.jsonl*", "a.jsonl"], None, ["a.jsonl", "b.jsonl.gz"]),
        ("**/*.jsonl", None, ["a.jsonl", "dump-1/z.jsonl", "dump-2/z.jsonl", "x/d.jsonl",
                              "x/y/e.jsonl"]),
        ("x", "jsonl", ["x/d.jsonl", "x/y/e.jsonl"]),
        ("x/", "jsonl", ["x/d.jsonl", "x/y/e.jsonl"]),
        ("x/*", "jsonl", ["x/d.jsonl"]),
        ("dump-{dump}/*.jsonl", None, ["dump-1/z.jsonl", "dump-2/z.jsonl"]),
        ("dump-*", "jsonl", ["dump-1/z.jsonl", "dump-2/z.jsonl"]),
        ("code", "files", ["code/__init__.py", "code/m/[id].py"]),
        ("code/**/*.py", "files", ["code/__init__.py", "code/m/[id].py"]),
        ("code/m/[id].py", "files", ["code/m/[id].py"]),
        ("t", "parquet", ["t/p.parquet"]),
        ("t", None, ["t/p.parquet"]),
    ],
)  # fmt: skip
def test_local_paths(tree, path, fmt, names):
    found = listed(path, format=fmt)
    assert [f.path for f in found.files] == names
    assert all(f.size == len(f.path) and f.modified > 1e12 for f in found.files)


def test_an_absolute_pattern_gives_absolute_paths(tree):
    found = listed(f"{tree}/x/*.jsonl")
    assert [f.location for f in found.files] == [str(tree / "x/d.jsonl")]
    assert found.files[0].path == found.files[0].location


def test_a_path_upwards_is_made_absolute(tree, monkeypatch):
    monkeypatch.chdir(tree / "x")
    assert [f.path for f in listed("../a.jsonl").files] == [str(tree / "a.jsonl")]


def test_a_link_to_a_directory_above_is_followed_once(tree):
    (tree / "x/up").symlink_to(tree / "x")
    assert [f.path for f in listed("x/**/*.jsonl").files] == ["x/d.jsonl", "x/y/e.jsonl"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing/*.jsonl", "no file matches"),
        (["*.jsonl", "gone.jsonl"], "gone.jsonl"),
        ("_part.jsonl", "begin with . or _ are hidden"),
        ("*.txt", "format cannot be told"),
    ],
)
def test_what_cannot_be_listed(tree, path, message):
    with pytest.raises(RecipeError, match=message):
        listed(path)


def test_a_bare_delta_table_is_refused(tree):
    (tree / "t/_delta_log").mkdir()
    with pytest.raises(RecipeError, match='write "delta:t"'):
        listed("t", format="parquet")
