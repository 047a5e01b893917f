"""Every command and snippet of the README does what it says, in the order of the README."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from mixcore.recipe.loader import load_recipe, load_text
from tests import readme_tables

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_HAND = {"make test"}
"""What runs this test."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [
    line for block in blocks("bash") for line in block.strip().splitlines() if line not in BY_HAND
]


def run(command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env={**os.environ, **env}, text=True,
        capture_output=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_table_sections_are_those_of_the_code():
    assert readme_tables.filled(README) == README


def test_the_smallest_recipe_is_legal():
    (yaml,) = blocks("yaml")
    assert load_text(yaml).recipe.dedup.near.min_jaccard == 0.8


@pytest.mark.parametrize(
    "path", sorted((ROOT / "conf/recipes").glob("*.yaml")), ids=lambda p: p.name
)
def test_the_example_recipes_load(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert load_recipe(path).warnings == ()


def test_links_lead_somewhere():
    links = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert links
    assert [t for t in links if not (ROOT / t).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command):
    (ROOT / "out").mkdir(exist_ok=True)
    done = run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if command == "make demo":
        assert "report:" in done.stdout
        assert (ROOT / "out/quickstart/report/report.html").exists()


def test_the_python_snippet():
    (snippet,) = blocks("python")
    done = run(".venv/bin/python - <<'EOF'\n" + snippet + "EOF")
    assert done.returncode == 0, done.stderr
    assert "sum(n_tokens)" in done.stdout
