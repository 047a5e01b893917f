"""What a fresh clone holds: the sample, the recipe of the demo, the entry points, the locks."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from mixcore.recipe.loader import load_recipe
from mixcore.runtime.session import SAFE_CONF, parse_defaults

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
QUICKSTART = ROOT / "conf" / "recipes" / "quickstart.yaml"
MAX_SAMPLE_BYTES = 8_000_000
STAGES = ("ingest", "profile", "score", "match", "resolve", "mix", "publish", "report")


def rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_the_sample_is_small_and_attributed():
    files = [p for p in DATA.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= MAX_SAMPLE_BYTES
    attribution = (DATA / "ATTRIBUTION.md").read_text()
    for path in (DATA / "demo").glob("*.gz"):
        assert f"`demo/{path.name}`" in attribution
        assert f"{len(rows(path)):,} " in attribution


@pytest.mark.parametrize("name", ["books", "papers", "qa", "code"])
def test_rows_of_the_sample_are_whole(name):
    found = rows(DATA / "demo" / f"{name}.jsonl.gz")
    assert len({row["id"] for row in found}) == len(found)
    for row in found:
        assert row["text"].strip()
        assert row["license"]
        assert row["lang"] == "en"


def test_papers_carry_what_their_licence_asks_for():
    for row in rows(DATA / "demo" / "papers.jsonl.gz"):
        assert row["url"].endswith(row["doi"])


def test_books_were_published_before_1928():
    assert all(int(row["date"]) < 1928 for row in rows(DATA / "demo" / "books.jsonl.gz"))


def test_each_package_of_the_sample_has_its_licence_text_there():
    packages = {row["package"] for row in rows(DATA / "demo" / "code.jsonl.gz")}
    assert packages == {p.name.split("-")[0] for p in (DATA / "licenses").iterdir()}


def test_the_truth_names_documents_of_the_sample():
    ids = {row["id"] for row in rows(DATA / "gov_blogs_cc0.jsonl.gz")}
    with gzip.open(DATA / "truth_gov_blogs.csv.gz", "rt", encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    assert len(pairs) == 123
    assert {p["id1"] for p in pairs} | {p["id2"] for p in pairs} <= ids


def test_the_quickstart_is_a_clean_recipe_of_five_domains_on_bundled_files():
    loaded = load_recipe(QUICKSTART)
    assert loaded.warnings == ()
    assert len(loaded.recipe.sources) == 5
    assert loaded.recipe.mix is not None
    assert set(loaded.recipe.mix.domains) == set(loaded.recipe.sources)
    for source in loaded.recipe.sources.values():
        assert all((ROOT / path).is_file() for path in source.path)


def test_every_stage_has_a_thin_entry_point():
    expected = {"curate.py": None} | {f"run_{stage}.py": stage for stage in STAGES}
    jobs = {path.name: path for path in (ROOT / "jobs").glob("*.py")}
    assert expected.keys() <= jobs.keys()
    for name, until in expected.items():
        source = jobs[name].read_text()
        assert len(source.splitlines()) <= 30
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        [job] = [call for call in calls if getattr(call.func, "id", "") == "job_main"]
        assert ast.literal_eval(job.keywords[0].value) == until


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_locks_are_hashed_and_name_no_address(lock):
    text = (ROOT / lock).read_text()
    pins = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[a-z0-9.-]+==\S+", pin) and "--hash=sha256:" in pin for pin in pins)
    assert "://" not in text


def test_make_help_lists_the_verbs():
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    verbs = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"help", "setup", "demo", "test", "test-long", "lint", "bench", "clean"} <= verbs


@pytest.mark.parametrize("name", ["local", "cluster", "security"])
def test_spark_settings_parse_and_do_not_contradict_ours(name):
    found = parse_defaults((ROOT / "conf" / "spark" / f"{name}.conf").read_text())
    assert found
    assert all(key.startswith("spark.") and value for key, value in found.items())
    for key in found.keys() & SAFE_CONF.keys():
        assert found[key] == SAFE_CONF[key]
