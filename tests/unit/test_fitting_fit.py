"""A fit as a whole: what it finds, what it warns of, and the recipe it becomes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mixcore.fitting.fit import Fit, fit_mixture
from mixcore.fitting.fragment import fragment, provenance
from mixcore.fitting.plan import WEIGHT_UNITS, FitPlan, fit_plan, rounded
from mixcore.fitting.runs import Runs
from mixcore.fitting.show import fit_data, verdict
from mixcore.recipe.loader import load_recipe
from mixcore.recipe.yaml12 import parse
from mixcore.runtime.errors import RecipeError
from tests.regmix import PILE_CC, pile_sizes, regmix

SLOPES = {"books": -0.06, "code": 0.0, "web": 0.05}
"""Of a planted law: books help most."""
SIZES = {"books": 10.0, "code": 30.0, "web": 60.0}


def runs(
    n: int = 40, names: tuple[str, ...] = tuple(SLOPES), seed: int = 1, most: float = 1.0
) -> Runs:
    rng = np.random.RandomState(seed)
    x = rng.dirichlet(np.ones(len(names)), 20 * n)
    x = x[x[:, 0] <= most][:n]
    slopes = np.array(list(SLOPES.values()))
    y = 2.0 + np.exp(x @ slopes) + 0.0005 * rng.standard_normal(n)
    ids = tuple(str(i) for i in range(n))
    return Runs(ids, names, ("loss",), x, y[:, None])


def fit(of: Runs | None = None, **more: Any) -> Fit:
    plan = {"sizes": SIZES, "n_bootstrap": 10, **more}
    return fit_mixture(of or runs(), FitPlan(**plan))


# ---- what it finds ----------------------------------------------------------------------------


def test_the_planted_optimum_and_its_gains() -> None:
    found = fit()
    x = found.shares
    assert sum(x.values()) == pytest.approx(1.0, abs=1e-12)
    # KL .05: x_i ~ natural_i exp(-20 dL/dx_i), solved here by iteration on the planted law.
    slopes, natural = np.array(list(SLOPES.values())), np.array([0.1, 0.3, 0.6])
    want = natural
    for _ in range(2000):
        pull = natural * np.exp(-20 * np.exp(want @ slopes) * slopes)
        want = 0.99 * want + 0.01 * pull / pull.sum()
    assert [x["books"], x["code"], x["web"]] == pytest.approx(want, abs=0.01)
    by_name = {gain.over: gain for gain in found.gains}
    assert set(by_name) == {"proportional", "UniMax"}
    truth = np.exp(natural @ slopes) - np.exp(want @ slopes)
    assert by_name["proportional"].gain == pytest.approx(truth, abs=0.002)
    assert by_name["UniMax"].loss < by_name["proportional"].loss
    assert found.spearman["target"] > 0.99
    assert found.gap <= 1e-6
    for domain in found.domains:
        assert domain.low - 0.001 <= domain.share <= domain.high + 0.001
        assert domain.high - domain.low < 0.05
    assert found.warnings == ()


def test_unimax_and_natural_mixture_are_those_of_the_allocator() -> None:
    shown = {d.name: (d.natural, d.unimax) for d in fit(budget=90.0, max_epochs=2.0).domains}
    # UniMax of (10, 30, 60), two epochs, budget 90: 20, 35, 35.
    assert shown == {
        "books": pytest.approx((0.1, 20 / 90)),
        "code": pytest.approx((0.3, 35 / 90)),
        "web": pytest.approx((0.6, 35 / 90)),
    }


@pytest.mark.parametrize(
    ("more", "domain", "share"),
    [
        ({"budget": 200.0, "max_epochs": 4.0}, "books", 0.2),
        ({"budget": 300.0, "max_epochs": 4.0}, "books", 0.1333),
        ({"maximum": {"books": 0.25}}, "books", 0.25),
        ({"minimum": {"web": 0.3}}, "web", 0.3),
        ({"kl": 1e3}, "books", 0.1),
        ({"kl": 0.0}, "books", 1.0),
        ({"kl": 0.0, "maximum": {"books": 0.7}}, "code", 0.3),
    ],
)
def test_limits(more: dict[str, Any], domain: str, share: float) -> None:
    assert fit(**more).shares[domain] == pytest.approx(share, abs=6e-5)


def test_no_cap_is_broken_by_rounding() -> None:
    found = fit(budget=300.0)
    assert 300.0 * found.shares["books"] <= 4.0 * SIZES["books"]


@forall(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9).filter(lambda v: sum(v) > 0.1))
def test_rounded_shares_sum_to_the_whole(weights: list[float]) -> None:
    x = np.array(weights) / sum(weights)
    units = rounded(x, np.zeros(len(x)), np.ones(len(x)))
    assert units.sum() == WEIGHT_UNITS
    assert (abs(units - x * WEIGHT_UNITS) < 1 + 1e-6).all()


def test_the_target_is_a_weighted_mean_of_metrics() -> None:
    one = regmix("train_1m").head(80)
    pulled = fit_mixture(one, FitPlan(target={PILE_CC: 3.0}, n_bootstrap=0, sizes=pile_sizes()))
    assert pulled.target == {PILE_CC: 1.0}
    assert pulled.shares["the_pile_pile_cc"] > 0.4
    other = "the_pile_github_val_loss"
    both = fit_mixture(
        one, FitPlan(target={PILE_CC: 3.0, other: 1.0}, n_bootstrap=0, sizes=pile_sizes())
    )
    assert both.target == {other: 0.25, PILE_CC: 0.75}
    assert both.shares["the_pile_github"] > pulled.shares["the_pile_github"]
    assert set(both.spearman) == {PILE_CC, other, "target"}
    assert both.domains[0].low is None


def test_a_fit_is_the_same_every_time() -> None:
    assert fit() == fit()
    assert fit(seed=1).domains != fit(seed=2).domains


# ---- what it warns of -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "more", "part"),
    [
        (runs(most=0.3), {"kl": 0.0}, "optimum lies beyond every run in books 100.00%"),
        (runs(most=0.3), {"kl": 0.0}, "optimum lies outside the swarm"),
        (runs(11), {}, "11 runs for 3 domains; at least 12 are wanted"),
        (runs(), {"kl": 1e3}, "no sure gain over proportional"),
        (runs(), {"sizes": None}, "no --sizes"),
    ],
)
def test_warnings(of: Runs, more: dict[str, Any], part: str) -> None:
    assert part in " ".join(fit(of, **more).warnings)


def test_noise_ranks_badly_and_is_said_so() -> None:
    noise = runs()
    losses = 3 + np.random.RandomState(3).uniform(0, 1, (40, 1))
    found = fit(Runs(noise.ids, noise.domains, noise.metrics, noise.ratios, losses))
    assert any("ranked badly" in warning for warning in found.warnings)


def test_a_domain_of_no_run_gets_nothing_and_is_named() -> None:
    some = runs()
    wider = Runs(
        some.ids, (*some.domains, "zines"), some.metrics,
        np.column_stack([some.ratios, np.zeros(40)]), some.losses,
    )  # fmt: skip
    found = fit(wider, sizes={**SIZES, "zines": 900.0})
    assert found.shares["zines"] == 0
    assert any("no run has any of zines" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"target": {"lss": 1.0}}, "the target names no metric"),
        ({"target": {"loss": -1.0}}, "0 or more"),
        ({"sizes": {"web": 1.0}}, "domains without a size"),
        ({"sizes": {**SIZES, "wbe": 1.0}}, "no run has these domains"),
        ({"maximum": {"wbe": 1.0}}, "no run has these domains"),
        ({"maximum": {"web": 0.1, "code": 0.1, "books": 0.1}}, "no mixture keeps the limits"),
        ({"minimum": {"web": 0.7, "code": 0.7}}, "no mixture keeps the limits"),
        ({"budget": 500.0}, "less than the budget"),
        ({"sizes": None, "budget": 5.0}, "give --sizes"),
    ],
)
def test_refusals(more: dict[str, Any], part: str) -> None:
    with pytest.raises(RecipeError, match=part):
        fit(**more)


@pytest.mark.parametrize(
    ("more", "flag"),
    [
        ({"method": "gp"}, "--method"),
        ({"budget": "much"}, "--budget"),
        ({"budget": "0"}, "--budget"),
        ({"kl": -1.0}, "--kl"),
        ({"kl": float("nan")}, "--kl"),
        ({"max_epochs": 0.0}, "--max-epochs"),
        ({"n_bootstrap": -1}, "--bootstrap"),
    ],
)
def test_options_out_of_range(more: dict[str, Any], flag: str) -> None:
    with pytest.raises(RecipeError, match=flag):
        fit_plan(**{"method": "loglinear", "budget": "2e9", **more})


def test_lightgbm_is_an_extra_and_its_absence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(RecipeError, match=r"pip install 'mixcore\[lightgbm\]'"):
        fit(method="lightgbm")


# ---- the recipe it becomes --------------------------------------------------------------------

BASE = """
version: 1
sources: {web: {path: w.jsonl, columns: {topic: topic}}, books: {path: b.jsonl}}
mix:
  budget: {tokens: 1e6}
  domains:
    web: {weight: 1, max_epochs: 2, divide: {by: topic, proportional: true}}
    books: {weight: 99}
output: {path: out/x}
"""


def test_the_fragment_changes_weights_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    found = fit(runs(names=("books", "web/law", "web/news")),
                sizes={"books": 1.0, "web/law": 1.0, "web/news": 2.0})  # fmt: skip
    text = fragment(found, provenance(found, date="2026-01-01"), extends="base.yaml")
    (tmp_path / "fitted.yaml").write_text(text)
    loaded = load_recipe(tmp_path / "fitted.yaml")
    assert loaded.warnings == ()
    domains = loaded.recipe.mix.domains
    x = {name: round(100 * share, 2) for name, share in found.shares.items()}
    assert domains["books"].weight == x["books"]
    assert domains["web"].weight == pytest.approx(x["web/law"] + x["web/news"], abs=1e-9)
    assert domains["web"].divide.weights == {"law": x["web/law"], "news": x["web/news"]}
    assert domains["web"].max_epochs == 2
    assert loaded.recipe.mix.budget.tokens == 1e6


def test_a_recipe_may_say_extends_the_fragment(tmp_path: Path) -> None:
    found = fit()
    (tmp_path / "weights.yaml").write_text(fragment(found, provenance(found, date="2026-01-01")))
    (tmp_path / "mine.yaml").write_text(
        "version: 1\nextends: weights.yaml\nmix: {budget: {tokens: 1e6}}\noutput: {path: out/x}\n"
        "sources: {web: {path: w}, books: {path: b}, code: {path: c, format: files}}\n"
    )
    weights = {
        n: d.weight for n, d in load_recipe(tmp_path / "mine.yaml").recipe.mix.domains.items()
    }
    assert weights == {name: round(100 * share, 2) for name, share in found.shares.items()}


def origin_in(text: str) -> Mapping[str, Any]:
    """The comment block, read as the YAML that it is."""
    lines = [line[2:] for line in text.splitlines()[1:] if line.startswith("# ")]
    found: Mapping[str, Any] = parse("\n".join(lines), "comment")[0]["provenance"]
    return found


def test_provenance_can_be_read_and_is_in_no_hash(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        BASE.replace(", divide: {by: topic, proportional: true}", "")
    )
    found = fit(runs(names=("books", "web", "zines")),
                sizes={"books": 1.0, "web": 1.0, "zines": 0.0})  # fmt: skip
    assert found.shares["zines"] == 0
    hashes = []
    for date in ("2026-01-01", "2027-02-02"):
        origin = provenance(found, date=date, tokenizer="bpe:cl100k_base", proxy="1M, 1B tokens")
        text = fragment(found, origin, extends="base.yaml").replace("    zines: {weight: 0}\n", "")
        text = "\n".join(line for line in text.splitlines() if "zines:" not in line)
        (tmp_path / "fitted.yaml").write_text(text)
        hashes.append(load_recipe(tmp_path / "fitted.yaml").sha256)
        read = origin_in(text)
        assert (read["date"], read["tokenizer"]) == (date, "bpe:cl100k_base")
        assert read["data"] == f"sha256:{found.fingerprint}"
        assert read["method"].startswith("log-linear")
        assert (read["runs"], read["proxy"]) == (40, "1M, 1B tokens")
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("names", [("a b", "c", "d"), ("a", "a/x", "d"), ("a/b/c", "d", "e")])
def test_columns_that_are_no_domains(names: tuple[str, ...]) -> None:
    found = fit(runs(names=names), sizes=dict.fromkeys(names, 1.0))
    with pytest.raises(RecipeError, match="domain"):
        fragment(found, provenance(found, date="x"))


def test_json_and_verdict() -> None:
    found = fit()
    data = json.loads(json.dumps(fit_data(found, provenance(found, date="x"))))
    assert data["weights"] == found.shares
    assert data["provenance"]["date"] == "x"
    assert len(data["domains"]) == 3
    text = "\n".join(verdict(found))
    for part in ("predicted loss", "over proportional", "over UniMax", "Spearman", "outside"):
        assert part in text
