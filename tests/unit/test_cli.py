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


REGMIX = "tests/data/regmix"
RUNS = (f"{REGMIX}/test_mixture_1B.csv", f"{REGMIX}/test_pile_loss_1B.csv")


def test_swarm_writes_ratios(tmp_path):
    out = tmp_path / "new" / "ratios.csv"
    sizes = f"{REGMIX}/sizes.csv"
    done = mixcore("swarm", sizes, "--runs", "20", "--max", "the_pile_github=0.1",
                   "--out", str(out), "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["runs"] == 20
    assert "a fit needs at least 54" in done.stderr
    head, *lines = out.read_text().splitlines()
    github = head.split(",").index("the_pile_github")
    assert len(lines) == 20
    assert max(float(line.split(",")[github]) for line in lines) <= 0.1


def test_fit_writes_a_recipe_that_check_accepts(tmp_path):
    out = tmp_path / "fitted.yaml"
    base = tmp_path / "base.yaml"
    names = json.loads(mixcore("swarm", f"{REGMIX}/sizes.csv", "--out",
                               str(tmp_path / "r.csv"), "--json").stdout)["domains"]  # fmt: skip
    sources = "\n".join(f"  {name}: {{path: x.jsonl}}" for name in names)
    base.write_text(f"version: 1\nsources:\n{sources}\nmix: {{budget: {{tokens: 1e6}}}}\n"
                    "output: {path: out/x}\n")  # fmt: skip
    done = mixcore("fit", *RUNS, "--sizes", f"{REGMIX}/sizes.csv", "--bootstrap", "2",
                   "--target", "the_pile_pile_cc_val_loss", "--extends", "base.yaml",
                   "--date", "2026-01-02", "--out", str(out), "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["provenance"]["date"] == "2026-01-02"
    checked = json.loads(mixcore("check", str(out), "--json").stdout)
    shares = {row["leaf"]: row["share"] for row in checked["shares"]}
    assert shares == {n: pytest.approx(w, abs=1e-9) for n, w in found["weights"].items()}
    printed = mixcore("fit", *RUNS, "--bootstrap", "0", "--date", "x").stdout
    assert printed.startswith("# Weights from proxy runs")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["swarm", "no.csv"], ["no.csv", "cannot be read"]),
        (["swarm", f"{REGMIX}/sizes.csv", "--max", "pile"], ["--max", "no domain"]),
        (["fit", "no.csv", "no.csv"], ["no.csv", "cannot be read"]),
        (["fit", *RUNS, "--method", "gp"], ["--method", "loglinear"]),
        (["fit", *RUNS, "--budget", "many"], ["--budget"]),
        (["check", "no-such.yaml"], ["no-such.yaml"]),
        (["chekc", QUICKSTART], ["No such command"]),
        (["check"], ["Missing argument"]),
        (["check", QUICKSTART, "--set", "mix.domains.wbe.weight=3"], ["wbe", "web"]),
        (["run", QUICKSTART, "--set", "dedup.near.min_jaccard=8"], ["min_jaccard", "8"]),
        (["check", QUICKSTART, "--set", "mix.phases=[{name: a, share: 1}]"], ["not yet"]),
    ],
    ids=[
        "no sizes",
        "limit",
        "no runs",
        "method",
        "budget",
        "no file",
        "verb",
        "no recipe",
        "domain",
        "range",
        "not yet",
    ],
)
def test_wrong_usage_exits_with_2_and_says_what(arguments, fragments):
    done = mixcore(*arguments)
    assert done.returncode == 2, done.stderr
    for fragment in fragments:
        assert fragment in done.stderr
    assert "Traceback" not in done.stderr
