"""The published runs of RegMix, as the tests read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mixcore.fitting.runs import Runs, read_runs
from mixcore.fitting.sizes import read_sizes

HOME = Path(__file__).parent / "data/regmix"
PILE_CC = "the_pile_pile_cc_val_loss"


@cache
def regmix(which: str) -> Runs:
    """`train_1m` (512 runs), `test_1m` (256) or `test_1B` (64)."""
    part, size = which.split("_")
    return read_runs(HOME / f"{part}_mixture_{size}.csv", HOME / f"{part}_pile_loss_{size}.csv")


@cache
def pile_sizes() -> dict[str, float]:
    """Natural shares of the 17 domains."""
    return read_sizes(HOME / "sizes.csv")
