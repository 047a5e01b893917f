"""The command line without Spark: help, check, schema, and the exit codes of wrong usage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICKSTART = "conf/recipes/quickstart.yaml"


def mixcore(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mixcore.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_help_fits_a_screen_and_has_an_example():
    done = mixcore("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 40
    assert "mixcore run conf/recipes/quickstart.yaml" in done.stdout


def test_check_prints_a_recipe_that_is_the_same_recipe(tmp_path):
    first = mixcore("check", QUICKSTART)
    assert first.returncode == 0, first.stderr
    again = tmp_path / "again.yaml"
    again.write_text(first.stdout)
    second = mixcore("check", str(again))
    assert second.returncode == 0, second.stderr
    assert "min_jaccard: 0.8" in second.stdout
    assert "n_norm_words" in first.stdout


def test_check_as_json_and_overrides():
    done = mixcore("check", QUICKSTART, "--json", "--set", "seed=7")
    assert json.loads(done.stdout)
    assert '"seed": 7' in done.stdout


def test_schema_is_json_schema():
    found = json.loads(mixcore("schema").stdout)
    assert found["type"] == "object"
    assert "sources" in found["properties"]


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["check", "no-such.yaml"], ["no-such.yaml"]),
        (["chekc", QUICKSTART], ["No such command"]),
        (["check"], ["Missing argument"]),
        (["check", QUICKSTART, "--set", "mix.domains.wbe.weight=3"], ["wbe", "web"]),
        (["run", QUICKSTART, "--set", "dedup.near.min_jaccard=8"], ["min_jaccard", "8"]),
        (["check", QUICKSTART, "--set", "mix.phases=[{name: a, share: 1}]"], ["not yet"]),
    ],
    ids=["no file", "verb", "no recipe", "domain", "range", "not yet"],
)
def test_wrong_usage_exits_with_2_and_says_what(arguments, fragments):
    done = mixcore(*arguments)
    assert done.returncode == 2, done.stderr
    for fragment in fragments:
        assert fragment in done.stderr
    assert "Traceback" not in done.stderr
