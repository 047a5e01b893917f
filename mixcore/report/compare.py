"""Two outputs side by side: finds their mixtures and shows what `diff` found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as Grid

from mixcore.recipe.loader import load_recipe
from mixcore.report.diff import moves, summarise
from mixcore.runtime.errors import RecipeError
from mixcore.runtime.store import Output
from mixcore.runtime.tables import MIXTURE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RECIPE_SUFFIXES = {".yaml", ".yml"}


def output_path(which: str) -> str:
    """The output that an argument names: a directory, or the one of a recipe file."""
    path = (
        load_recipe(which).recipe.output.path if Path(which).suffix in _RECIPE_SUFFIXES else which
    )
    return path if "://" in path else str(Path(path).absolute())


def compare(spark: SparkSession, a: str, b: str) -> dict[str, Any]:
    """The difference of two outputs, as `summarise` gives it.

    Args:
        spark: The session.
        a: Recipe file or output directory, before.
        b: The same, after.

    Raises:
        RecipeError: One of them has no mixture.
    """
    frames = []
    for which in (a, b):
        output = Output(spark, output_path(which))
        if not output.exists(MIXTURE):
            raise RecipeError(
                "no mixture here", where=which, value=output.location(MIXTURE),
                fix="name an output directory or its recipe, and run `mixcore mix` first",
            )  # fmt: skip
        frames.append(output.read(MIXTURE))
    rows = moves(*frames).collect()  # a row a pair of leaf domains
    return summarise([row.asDict() for row in rows])


def diff_table(found: dict[str, Any]) -> Grid:
    """Domains by how much their share changed, largest first; the whole last."""
    grid = Grid(title="mixture, B against A", title_justify="left", box=SIMPLE_HEAD)
    grid.add_column("domain", overflow="fold")
    for name in ("tokens", "share", "kept", "added", "dropped", "moved"):
        grid.add_column(name, justify="right", no_wrap=True)
    rows = sorted(
        found["domains"].items(), key=lambda r: (-abs(r[1]["share_b"] - r[1]["share_a"]), r[0])
    )
    for name, d in rows:
        moved = (
            f"+{d['moved_in']:,} -{d['moved_out']:,}" if d["moved_in"] or d["moved_out"] else "-"
        )
        grid.add_row(
            name, f"{d['tokens_b'] - d['tokens_a']:+,}", f"{d['share_a']:.2%} > {d['share_b']:.2%}",
            f"{d['kept']:,}", f"{d['added']:,}", f"{d['dropped']:,}", moved,
        )  # fmt: skip
    t = found["total"]
    grid.add_row(
        "total", f"{t['tokens_b'] - t['tokens_a']:+,}", f"{t['tokens_moved']:.2%} moved",
        f"{t['kept']:,}", f"{t['added']:,}", f"{t['dropped']:,}", f"{t['moved_in']:,}",
    )  # fmt: skip
    return grid
