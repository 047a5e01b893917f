"""Reading proxy runs and sizes: what is taken as it is, and what is refused with which words."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

from mixcore.fitting.runs import read_runs
from mixcore.fitting.sizes import read_pairs, read_sizes
from mixcore.runtime.errors import MixcoreError
from tests.regmix import HOME, PILE_CC, pile_sizes, regmix

RATIOS = "run,web,code\na,0.25,0.75\nb,50,50\n"
LOSSES = "run,loss\nb,2.5\na,3.5\n"


def files(home: Path, ratios: str = RATIOS, losses: str = LOSSES) -> tuple[Path, Path]:
    (home / "ratios.csv").write_text(ratios)
    (home / "metrics.csv").write_text(losses)
    return home / "ratios.csv", home / "metrics.csv"


@pytest.mark.parametrize(
    ("which", "shape", "first"),
    [("train_1m", 512, "1"), ("test_1m", 256, "1"), ("test_1B", 64, "0")],
)
def test_regmix_is_read_as_published(which: str, shape: int, first: str) -> None:
    runs = regmix(which)
    assert runs.ratios.shape == (shape, 17)
    assert runs.losses.shape == (shape, 13)
    assert runs.ids[0] == first
    assert "the_pile_pile_cc" in runs.domains
    assert PILE_CC in runs.metrics
    assert runs.warnings == ()
    assert runs.ratios.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_rows_are_joined_by_run_and_sorted(tmp_path: Path) -> None:
    runs = read_runs(*files(tmp_path))
    assert (runs.ids, runs.domains, runs.metrics) == (("a", "b"), ("code", "web"), ("loss",))
    assert runs.ratios.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert runs.losses.tolist() == [[3.5], [2.5]]
    numbered = read_runs(*files(tmp_path, "i,w,c\n10,1,2\n9,2,1\n", "i,l\n9,1\n10,2\n"))
    assert numbered.ids == ("9", "10")


def test_the_fingerprint_is_that_of_the_runs_and_not_of_the_files(tmp_path: Path) -> None:
    lines = (HOME / "train_mixture_1m.csv").read_text().splitlines()
    cells = [line.split(",") for line in lines]
    order = [0, *random.Random(1).sample(range(1, 18), 17)]
    shuffled = [",".join(row[j] for j in order) for row in cells]
    body = random.Random(2).sample(shuffled[1:], len(shuffled) - 1)
    target = tmp_path / "ratios.csv.gz"
    target.write_bytes(gzip.compress("\n".join([shuffled[0], *body]).encode()))
    again = read_runs(target, HOME / "train_pile_loss_1m.csv")
    assert again.fingerprint == regmix("train_1m").fingerprint
    assert np.array_equal(again.ratios, regmix("train_1m").ratios)
    assert regmix("train_1m").head(511).fingerprint != regmix("train_1m").fingerprint


def test_runs_in_one_file_only_and_odd_sums_are_noted(tmp_path: Path) -> None:
    runs = read_runs(*files(tmp_path, RATIOS + "c,1,1\n", LOSSES + "d,1\n"))
    assert runs.ids == ("a", "b")
    assert ["c" in runs.warnings[0], "d" in runs.warnings[1]] == [True, True]
    odd = read_runs(*files(tmp_path, RATIOS.replace("50,50", "30,30")))
    assert "sum to 1 .. 60" in odd.warnings[0]


@pytest.mark.parametrize(
    ("ratios", "losses", "code", "parts"),
    [
        ("run,web\n", LOSSES, 3, ["no runs in this file", "ratios.csv"]),
        ("run,web,code\na,1\n", LOSSES, 3, ["run 'a' has 1 values, the header 2"]),
        ("run,web,code\na,1,x\n", LOSSES, 3, ["run 'a', column 'code': no number", "'x'"]),
        ("run,web,code\na,1,nan\n", LOSSES, 3, ["no number"]),
        ("run,web,code\na,1,-1\n", LOSSES, 3, ["a ratio cannot be negative", "-1"]),
        ("run,web,code\na,0,0\n", LOSSES, 3, ["run 'a': all ratios are 0"]),
        ("run,web,web\na,1,1\n", LOSSES, 3, ["column names must", "web"]),
        (RATIOS + "a,1,1\n", LOSSES, 3, ["run 'a' stands twice"]),
        (RATIOS, "run,loss\na,0\n", 3, ["a loss must be above 0", "1 - accuracy"]),
        (RATIOS, "run,loss\nz,1\n", 3, ["no run in common"]),
    ],
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, ratios: str, losses: str, code: int, parts: list[str]
) -> None:
    with pytest.raises(MixcoreError) as caught:
        read_runs(*files(tmp_path, ratios, losses))
    assert caught.value.exit_code == code
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MixcoreError, match="cannot be read") as caught:
        read_runs(tmp_path / "no.csv", tmp_path / "no.csv")
    assert caught.value.exit_code == 2


# ---- sizes ------------------------------------------------------------------------------------

REPORT = {
    "mix": [
        {"domain": "web", "phase": "main", "available": 30},
        {"domain": "code/a", "phase": "main", "available": 10},
        {"domain": "web", "phase": "second", "available": 30},
    ]
}


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("s.csv", "domain,tokens\nweb,3e9\ncode,1_000\n", {"web": 3e9, "code": 1000}),
        ("s.csv", "web,.5\ncode,.5\n", {"web": 0.5, "code": 0.5}),
        ("s.yaml", "web: 3e9\ncode: 1_000\n", {"web": 3e9, "code": 1000}),
        ("s.json", '{"web": 3, "code": 1}', {"web": 3, "code": 1}),
        ("s.json", json.dumps(REPORT), {"web": 30, "code/a": 10}),
        ("s.yaml", "priors: {relative_sizes: {a: .5}, token_counts: {a: 7}}", {"a": 7}),
        ("s.json", '{"train_domain_weights": {"A b": 1}, "eval_domain_weights": {}}', {"A b": 1}),
    ],
)
def test_sizes(tmp_path: Path, name: str, text: str, want: dict[str, float]) -> None:
    (tmp_path / name).write_text(text)
    assert read_sizes(tmp_path / name) == want


def test_sizes_of_regmix() -> None:
    assert set(read_sizes(HOME / "doremi.yaml")) == set(pile_sizes())
    assert set(pile_sizes()) == set(regmix("train_1m").domains)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("s.csv", "web,1,2\n", "not `domain,size`"),
        ("s.csv", "web,1\nweb,2\n", "stands twice"),
        ("s.csv", "web,1\ncode,many\n", "is no number"),
        ("s.yaml", "web: -1\n", "negative"),
        ("s.yaml", "web: 0\n", "no domain has a size above 0"),
        ("s.json", "[1]", "no sizes of domains"),
        ("s.json", "{", "not JSON"),
        ("s.yaml", "web: true\n", "is no number"),
    ],
)
def test_sizes_refused(tmp_path: Path, name: str, text: str, part: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MixcoreError, match=part):
        read_sizes(tmp_path / name)


@pytest.mark.parametrize("texts", [["web=x"], ["=1"], ["web=1", "web=2"]])
def test_pairs_refused(texts: list[str]) -> None:
    with pytest.raises(MixcoreError, match="not NAME=NUMBER"):
        read_pairs(texts, "--max")


def test_pairs() -> None:
    assert read_pairs(["a=b=2", "c"], "--target") == {"a=b": 2.0, "c": 1.0}
