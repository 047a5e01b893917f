"""Mixtures that were published, with the numbers printed, through recipe and allocator."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from mixcore.fitting.sizes import read_sizes
from mixcore.mixing.allocate import Allocation, allocate
from mixcore.recipe.loader import LoadedRecipe, load_text
from mixcore.recipe.models import Mix
from mixcore.recipe.show import mix_shares
from tests.regmix import HOME

MIB = 1 << 20
"""A GiB of the Pile's table in units that are whole numbers."""


class Row(NamedTuple):
    """A line of a published table."""

    name: str
    size: float
    weight: float
    epochs: float


def recipe(domains: dict[str, Any], **mix: Any) -> LoadedRecipe:
    """A recipe with these domains, each a source of its own."""
    sources = "".join(f"  {name}: {{path: x/{name}.jsonl}}\n" for name in domains)
    lines = "".join(f"    {name}: {{{how}}}\n" for name, how in domains.items())
    keys = "".join(f"  {key}: {value}\n" for key, value in mix.items())
    return load_text(
        f"version: 1\nsources:\n{sources}mix:\n{keys}  domains:\n{lines}output: {{path: out/x}}\n"
    )


def allocated(mix: Mix | None, sizes: dict[str, int], budget: int | None) -> Allocation:
    assert mix is not None
    return allocate(mix, {name: {name: n} for name, n in sizes.items()}, budget)


# ---- The Pile (arXiv:2101.00027, table 1): raw GiB, printed weight in percent, epochs ----------

PILE = [
    Row("Pile-CC", 227.12, 18.11, 1.0), Row("PubMedCentral", 90.27, 14.40, 2.0),
    Row("Books3", 100.96, 12.07, 1.5), Row("OpenWebText2", 62.77, 10.01, 2.0),
    Row("ArXiv", 56.21, 8.96, 2.0), Row("Github", 95.16, 7.59, 1.0),
    Row("FreeLaw", 51.15, 6.12, 1.5), Row("StackExchange", 32.20, 5.13, 2.0),
    Row("USPTO", 22.90, 3.65, 2.0), Row("PubMedAbstracts", 19.26, 3.07, 2.0),
    Row("PG-19", 10.88, 2.17, 2.5), Row("OpenSubtitles", 12.98, 1.55, 1.5),
    Row("Wikipedia", 6.38, 1.53, 3.0), Row("DM-Mathematics", 7.75, 1.24, 2.0),
    Row("UbuntuIRC", 5.52, 0.88, 2.0), Row("BookCorpus2", 6.30, 0.75, 1.5),
    Row("EuroParl", 4.59, 0.73, 2.0), Row("HackerNews", 3.90, 0.62, 2.0),
    Row("YoutubeSubtitles", 3.73, 0.60, 2.0), Row("PhilPapers", 2.38, 0.38, 2.0),
    Row("NIH-ExPorter", 1.89, 0.30, 2.0), Row("Enron", 0.88, 0.14, 2.0),
]  # fmt: skip


def test_the_pile_by_epochs() -> None:
    loaded = recipe({row.name: f"epochs: {row.epochs}" for row in PILE})
    sizes = {row.name: round(row.size * MIB) for row in PILE}
    got = allocated(loaded.recipe.mix, sizes, None)
    assert sum(sizes.values()) / MIB == pytest.approx(825.18, abs=0.005)
    assert got.total / MIB == pytest.approx(1254.20, abs=0.01)
    shares = {leaf.path: 100 * leaf.target / got.total for leaf in got.leaves}
    assert shares == {row.name: pytest.approx(row.weight, abs=0.0053) for row in PILE}


def test_the_pile_by_weight_gives_the_epochs_back() -> None:
    loaded = recipe({row.name: f"weight: {row.weight}" for row in PILE},
                    budget="{tokens: 1e6}", max_epochs=4)  # fmt: skip
    sizes = {row.name: round(row.size * MIB) for row in PILE}
    got = allocated(loaded.recipe.mix, sizes, round(1254.20 * MIB))
    # Weights printed to .01 are coarse where they are small.
    for leaf, row in zip(got.leaves, PILE, strict=True):
        assert leaf.epochs == pytest.approx(row.epochs, rel=0.005 / row.weight + 1e-3)


# ---- LLaMA (arXiv:2302.13971, table 1): percent and epochs at 1.4T ------------------------------

LLAMA = [
    Row("CommonCrawl", 852.7, 67.0, 1.10), Row("C4", 198.1, 15.0, 1.06),
    Row("Github", 98.4, 4.5, 0.64), Row("Wikipedia", 25.7, 4.5, 2.45),
    Row("Books", 28.3, 4.5, 2.23), Row("ArXiv", 33.0, 2.5, 1.06),
    Row("StackExchange", 27.2, 2.0, 1.03),
]  # fmt: skip


def test_llama_round_trip() -> None:
    budget = 1_400_000_000_000
    loaded = recipe({row.name: f"weight: {row.weight}" for row in LLAMA},
                    budget="{tokens: 1.4e12}", max_epochs=4)  # fmt: skip
    assert loaded.warnings == ()  # 100 % in total
    unique = {row.name: round(row.weight / 100 * budget / row.epochs) for row in LLAMA}
    assert {n: v / 1e9 for n, v in unique.items()} == {
        row.name: pytest.approx(row.size, abs=0.051) for row in LLAMA
    }
    got = allocated(loaded.recipe.mix, unique, budget)
    assert got.total == budget
    for leaf, row in zip(got.leaves, LLAMA, strict=True):
        assert leaf.epochs == pytest.approx(row.epochs, rel=1e-9)
    by_epochs = recipe({row.name: f"epochs: {row.epochs}" for row in LLAMA})
    again = allocated(by_epochs.recipe.mix, unique, None)
    for leaf, row in zip(again.leaves, LLAMA, strict=True):
        assert 100 * leaf.target / again.total == pytest.approx(row.weight, abs=1e-6)


# ---- Chinchilla (arXiv:2203.15556, table A1): percent and epochs at 1.4T, tokens of Gopher's ----

CHINCHILLA = [
    Row("MassiveWeb", 506, 45, 1.24), Row("Books", 560, 30, 0.75), Row("C4", 182, 10, 0.77),
    Row("News", 676, 10, 0.21), Row("GitHub", 422, 4, 0.13), Row("Wikipedia", 4, 1, 3.40),
]  # fmt: skip


def test_chinchilla_epochs() -> None:
    loaded = recipe({row.name: f"weight: {row.weight}" for row in CHINCHILLA},
                    budget="{tokens: 1.4e12}", max_epochs=4)  # fmt: skip
    sizes = {row.name: int(row.size * 1e9) for row in CHINCHILLA}
    got = allocated(loaded.recipe.mix, sizes, 1_400_000_000_000)
    for leaf, row in zip(got.leaves, CHINCHILLA, strict=True):
        # Within 3 %, or half a unit of the last printed digit.
        assert leaf.epochs == pytest.approx(row.epochs, rel=0.03, abs=0.005)


# ---- GPT-3 (arXiv:2005.14165, table 2.2): a table that contradicts itself -----------------------

GPT3 = [
    Row("CommonCrawl", 410, 60, 0.44), Row("WebText2", 19, 22, 2.9), Row("Books1", 12, 8, 1.9),
    Row("Books2", 55, 8, 0.43), Row("Wikipedia", 3, 3, 3.4),
]  # fmt: skip


def test_gpt3_is_warned_about_and_its_epochs_do_not_follow() -> None:
    loaded = recipe({row.name: f"weight: {row.weight}" for row in GPT3},
                    budget="{tokens: 3e11}", max_epochs=4)  # fmt: skip
    assert len(loaded.warnings) == 1
    assert "the weights sum to 101, not 100" in loaded.warnings[0]
    sizes = {row.name: int(row.size * 1e9) for row in GPT3}
    got = allocated(loaded.recipe.mix, sizes, 300_000_000_000)
    assert got.total == 300_000_000_000
    as_printed = {leaf.path: leaf.epochs * 1.01 for leaf in got.leaves}
    assert as_printed["WebText2"] == pytest.approx(3.47, abs=0.005)
    assert as_printed["Wikipedia"] == pytest.approx(3.00, abs=0.005)
    off = [r.name for r in GPT3 if abs(as_printed[r.name] / r.epochs - 1) > 0.03]
    assert {"WebText2", "Wikipedia"} <= set(off)


# ---- DoReMi (arXiv:2305.10429, tables 1 and 7; configs of sangmichaelxie/doremi) ----------------

DOREMI = {
    "Pile-CC": (0.6057, 0.1121), "OpenWebText2": (0.1019, 0.1247), "Wikipedia": (0.0699, 0.0919),
    "Books3": (0.0224, 0.0676), "ArXiv": (0.0036, 0.1052), "Github": (0.0179, 0.0427),
    "PubMedCentral": (0.0046, 0.1071), "StackExchange": (0.0153, 0.0929),
    "YoutubeSubtitles": (0.0502, 0.0042),
}  # fmt: skip
"""Optimised and baseline weights, those with the largest changes."""
DOREMI_OTHERS = {
    "FreeLaw": 0.0043, "USPTO": 0.0036, "PubMedAbstracts": 0.0113, "PG-19": 0.0072,
    "OpenSubtitles": 0.0047, "DM-Mathematics": 0.0018, "UbuntuIRC": 0.0093, "BookCorpus2": 0.0061,
    "EuroParl": 0.0062, "HackerNews": 0.0134, "PhilPapers": 0.0274, "NIH-ExPorter": 0.0063,
    "Enron": 0.0070,
}  # fmt: skip


def test_doremi_weights_sum_to_one_but_for_their_rounding() -> None:
    weights = {**{n: w for n, (w, _) in DOREMI.items()}, **DOREMI_OTHERS}
    assert set(weights) == {row.name for row in PILE}
    total = sum(weights.values())
    assert total == pytest.approx(1.0001, abs=1e-9)
    loaded = recipe({n: f"weight: {w}" for n, w in weights.items()}, budget="{tokens: 1e9}")
    assert len(loaded.warnings) == 1
    assert "the weights sum to 1.0001, not 1" in loaded.warnings[0]
    assert loaded.recipe.mix is not None
    shares = {r["leaf"]: r["share"] for r in mix_shares(loaded.recipe, loaded.recipe.mix)}
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
    assert shares == {n: pytest.approx(w, abs=2e-4) for n, w in weights.items()}


def test_doremi_needs_repeats_that_are_named() -> None:
    """At the Pile's size its weights repeat Youtube subtitles 16 times and Wikipedia 13 times."""
    weights = {**{n: w for n, (w, _) in DOREMI.items()}, **DOREMI_OTHERS}
    loaded = recipe({n: f"weight: {w}" for n, w in weights.items()}, budget="{tokens: 1}",
                    max_epochs=20)  # fmt: skip
    sizes = {row.name: round(row.size * MIB) for row in PILE}
    got = allocated(loaded.recipe.mix, sizes, round(1254.20 * MIB))
    epochs = {leaf.path: leaf.epochs for leaf in got.leaves}
    assert epochs["YoutubeSubtitles"] == pytest.approx(0.0502 * 1254.20 / 3.73, rel=1e-3)
    assert epochs["Wikipedia"] == pytest.approx(0.0699 * 1254.20 / 6.38, rel=1e-3)
    assert max(epochs.values()) == epochs["YoutubeSubtitles"] > 16


@pytest.mark.parametrize(("name", "total", "pile_cc"), [
    ("doremi", 0.8148, 0.6057), ("human", 0.7868, 0.1121),
])  # fmt: skip
def test_weights_of_regmix_are_relative_and_shown_normalised(
    name: str, total: float, pile_cc: float
) -> None:
    weights = read_sizes(HOME / f"{name}.yaml")
    assert sum(weights.values()) == pytest.approx(total, abs=5e-5)
    loaded = recipe({n: f"weight: {w}" for n, w in weights.items()}, budget="{tokens: 1e9}")
    assert loaded.warnings == ()  # far from 1: meant as relative
    assert loaded.recipe.mix is not None
    shares = {r["leaf"]: r["share"] for r in mix_shares(loaded.recipe, loaded.recipe.mix)}
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
    assert shares["the_pile_pile_cc"] == pytest.approx(pile_cc / total, abs=1e-4)
