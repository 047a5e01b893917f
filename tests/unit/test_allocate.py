"""Allocation: the properties and check values of the mixing design, and its messages."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mixcore.mixing import allocate as A
from mixcore.recipe.models import Mix
from mixcore.runtime.errors import ContractError

SIZES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 10**12), min_size=1)


def mix(domains: dict[str, Any], **more: Any) -> Mix:
    return Mix.model_validate({"domains": domains, **more})


def targets(allocation: A.Allocation) -> dict[str, int]:
    return {leaf.path: leaf.target for leaf in allocation.leaves}


def unimax_paper(sizes: dict[str, int], budget: Fraction, epochs: int) -> dict[str, Fraction]:
    """Algorithm 1 of arXiv:2304.09151, word for word."""
    left, out = budget, {}
    ordered = sorted(sizes, key=lambda n: (sizes[n], n))
    for k, name in enumerate(ordered):
        out[name] = min(left / (len(ordered) - k), Fraction(epochs * sizes[name]))
        left -= out[name]
    return out


# ---- allocators -------------------------------------------------------------------------------


def test_unimax_check_value() -> None:
    got = A.unimax({"a": 1, "b": 10, "c": 100}, Fraction(60), Fraction(4))
    assert got == {"a": 4, "b": 28, "c": 28}


@forall(SIZES, st.integers(0, 10**13), st.integers(1, 8))
def test_unimax_equals_the_paper(sizes: dict[str, int], budget: int, epochs: int) -> None:
    assert A.unimax(sizes, Fraction(budget), Fraction(epochs)) == unimax_paper(
        sizes, Fraction(budget), epochs
    )


@pytest.mark.parametrize(
    ("t", "want"),
    [(1.0, {"a": 0.1, "b": 0.9}), (2.0, {"a": 0.25, "b": 0.75}), (1e9, {"a": 0.5, "b": 0.5})],
)
def test_temperature(t: float, want: dict[str, float]) -> None:
    got = A.temperature({"a": 10, "b": 90}, t)
    assert {n: float(w) for n, w in got.items()} == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("allocator", [A.proportional, lambda n: A.temperature(n, 2.0)])
def test_shares_of_nothing_are_nothing(allocator: Any) -> None:
    assert allocator({"a": 0, "b": 0}) == {"a": 0, "b": 0}


WEIGHTS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.tuples(st.integers(0, 1000), st.integers(0, 10**9)),
    min_size=1,
)


@forall(WEIGHTS, st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_waterfill_properties(rows: dict[str, Any], budget: int, rng: Any) -> None:
    weights = {n: Fraction(w) for n, (w, _) in rows.items()}
    caps = {n: Fraction(c) for n, (_, c) in rows.items()}
    room = sum(c for n, c in caps.items() if weights[n])
    got = A.waterfill(weights, caps, Fraction(budget))

    assert sum(got.values()) == min(room, budget)
    assert all(got[n] <= caps[n] for n in got)
    assert all(got[n] == 0 for n in got if not weights[n])
    free = [n for n in got if weights[n] and got[n] < caps[n]]
    assert len({got[n] / weights[n] for n in free}) <= 1

    names = list(rows)
    rng.shuffle(names)
    shuffled = A.waterfill(
        {n: weights[n] for n in names}, {n: caps[n] for n in names}, Fraction(budget)
    )
    assert shuffled == got


@forall(WEIGHTS, st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from("abcdefgh"))
def test_waterfill_is_monotone(rows: dict[str, Any], b: int, more: int, name: str) -> None:
    weights = {n: Fraction(w) for n, (w, _) in rows.items()}
    caps = {n: Fraction(c) for n, (_, c) in rows.items()}
    before = A.waterfill(weights, caps, Fraction(b))
    larger = A.waterfill(weights, caps, Fraction(b + more))
    assert all(larger[n] >= before[n] for n in before)
    if name in caps:
        wider = A.waterfill(weights, {**caps, name: caps[name] + more}, Fraction(b))
        assert wider[name] >= before[name]


@forall(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.fractions(0, 10**6, max_denominator=997), min_size=1
    )
)
def test_round_to_sum(amounts: dict[str, Fraction]) -> None:
    total = int(sum(amounts.values()))
    got = A.round_to_sum(amounts, total)
    assert sum(got.values()) == total
    assert all(abs(got[n] - amounts[n]) < 1 for n in got)


def test_round_to_sum_gives_the_rest_to_the_largest_remainders() -> None:
    amounts = {"a": Fraction(10, 3), "b": Fraction(10, 3), "c": Fraction(10, 3)}
    assert A.round_to_sum(amounts, 10) == {"a": 4, "b": 3, "c": 3}
    with pytest.raises(ValueError, match="not to 12"):
        A.round_to_sum({"a": Fraction(10)}, 12)


# ---- the tree ---------------------------------------------------------------------------------

ENOUGH = {n: {n: 10**9} for n in ("web", "code", "books", "papers")}


@pytest.mark.parametrize(
    ("domains", "budget", "want"),
    [
        ({"web": {"weight": 80}, "books": {"weight": 20}}, 1000, {"web": 800, "books": 200}),
        ({"web": {"weight": 1}, "books": {"weight": 0}}, 1000, {"web": 1000, "books": 0}),
        ({"web": {"weight": 1}, "books": {"tokens": 300}}, 1000, {"web": 700, "books": 300}),
        ({"web": {"weight": 2}, "code": {"weight": 1}}, 100, {"web": 67, "code": 33}),
        ({"web": {"tokens": 5}, "code": {"tokens": 7}}, None, {"web": 5, "code": 7}),
        ({"web": {"weight": 0.1}, "code": {"weight": 0.2}}, 3, {"web": 1, "code": 2}),
        ({"web": {"weight": 1}}, 1, {"web": 1}),
    ],
)
def test_domains(domains: dict[str, Any], budget: int | None, want: dict[str, int]) -> None:
    assert targets(A.allocate(mix(domains), ENOUGH, budget)) == want


def test_epochs_may_exceed_the_default_cap_and_weights_share_the_rest() -> None:
    got = A.allocate(
        mix({"books": {"epochs": 1.5}, "web": {"weight": 3}, "code": {"weight": 1}}),
        {"books": {"books": 101}, "web": {"web": 900}, "code": {"code": 900}},
        1000,
    )
    assert sum(targets(got).values()) == got.total == 1000
    assert targets(got)["books"] in (151, 152)
    assert targets(got)["web"] == pytest.approx(3 * targets(got)["code"], abs=3)


def test_no_budget_means_as_much_as_the_ratios_allow() -> None:
    got = A.allocate(
        mix({"web": {"weight": 3}, "books": {"weight": 1}}),
        {"web": {"web": 600}, "books": {"books": 500}},
        None,
    )
    assert targets(got) == {"web": 600, "books": 200}


LANGS = {"web/en": 800, "web/de": 150, "web/fr": 50}


@pytest.mark.parametrize(
    ("divide", "amount", "want"),
    [
        ({"proportional": True}, 500, {"web/en": 400, "web/de": 75, "web/fr": 25}),
        ({"unimax": True}, 500, {"web/en": 300, "web/de": 150, "web/fr": 50}),
        (
            {"weights": {"en": 3, "de": 1, "fr": 0}},
            400,
            {"web/en": 300, "web/de": 100, "web/fr": 0},
        ),
        ({"temperature": 1.0}, 100, {"web/en": 80, "web/de": 15, "web/fr": 5}),
    ],
)  # fmt: skip
def test_divide(divide: dict[str, Any], amount: int, want: dict[str, int]) -> None:
    spec = mix({"web": {"weight": 1, "divide": {"by": "language", **divide}}})
    assert targets(A.allocate(spec, {"web": LANGS}, amount)) == want


@settings(max_examples=150)
@forall(
    st.dictionaries(
        st.sampled_from(["web", "code", "books"]),
        st.tuples(
            st.integers(1, 99),
            st.lists(st.integers(10**6, 10**8), min_size=1, max_size=5),
            st.sampled_from(["proportional", "unimax", "temperature"]),
        ),
        min_size=1,
    ),
    st.floats(0.01, 1.0),
    st.sampled_from([1.0, 1.5, 4.0]),
    st.sampled_from(["redistribute", "shrink"]),
)
def test_children_sum_to_parents_and_caps_hold(
    tree: dict[str, Any], fill: float, epochs: float, policy: str
) -> None:
    domains, sizes = {}, {}
    for name, (weight, leaves, how) in tree.items():
        divide = {"by": "x", how: 2.0 if how == "temperature" else True}
        domains[name] = {"weight": weight, "divide": divide}
        sizes[name] = {f"{name}/{i}": n for i, n in enumerate(leaves)}
    room = int(sum(sum(s.values()) for s in sizes.values()) * epochs)
    budget = max(1, int(room * fill))
    spec = mix(domains, max_epochs=epochs, on_shortage=policy)
    got = A.allocate(spec, sizes, budget)
    assert got.total == budget if policy == "redistribute" else got.total <= budget
    assert all(leaf.target < epochs * leaf.available + 1 for leaf in got.leaves)
    assert all(leaf.target >= 0 for leaf in got.leaves)
    total = sum(weight for weight, _, _ in tree.values())
    if policy == "shrink":
        for name, (weight, _, _) in tree.items():
            amount = sum(leaf.target for leaf in got.leaves if leaf.domain == name)
            assert amount == pytest.approx(got.total * weight / total, abs=1)


# ---- shortage ---------------------------------------------------------------------------------

POOL = {"web": {"web": 1000}, "books": {"books": 100}}
HALVES = {"web": {"weight": 1}, "books": {"weight": 1}}


def test_fail_names_the_leaf_the_feasible_budget_and_the_epochs() -> None:
    with pytest.raises(ContractError) as caught:
        A.allocate(mix(HALVES), POOL, 600)
    message = str(caught.value)
    for part in (
        "the budget of 600 cannot be met",
        "binding: books",
        "largest feasible budget: 200",
        "books: needs 300 of 100 available = 3.000 epochs (max_epochs 1)",
        "web: needs 300 of 1,000 available = 0.300 epochs",
        "on_shortage: redistribute",
    ):
        assert part in message
    assert caught.value.exit_code == 3
    assert targets(A.allocate(mix(HALVES), POOL, 200)) == {"web": 100, "books": 100}


@pytest.mark.parametrize(
    ("policy", "domains", "budget", "want"),
    [
        ("redistribute", HALVES, 600, {"web": 500, "books": 100}),
        ("shrink", HALVES, 600, {"web": 100, "books": 100}),
        ("redistribute", {"web": {"weight": 1}, "books": {"tokens": 150}}, 600,
         {"web": 500, "books": 100}),
        ("shrink", {"web": {"weight": 1}, "books": {"tokens": 200}}, 600,
         {"web": 200, "books": 100}),
        ("fail", {"web": {"weight": 1}, "books": {"weight": 1, "max_epochs": 3}}, 600,
         {"web": 300, "books": 300}),
    ],
)  # fmt: skip
def test_policies(policy: str, domains: dict[str, Any], budget: int, want: dict[str, int]) -> None:
    assert targets(A.allocate(mix(domains, on_shortage=policy), POOL, budget)) == want


@pytest.mark.parametrize(
    ("policy", "domains", "budget", "parts"),
    [
        ("redistribute", HALVES, 1101, ["even with on_shortage: redistribute", "budget: 1,100"]),
        ("shrink", {**HALVES, "code": {"weight": 1}}, 90, ["code", "it has no documents"]),
        ("fail", {**HALVES, "code": {"weight": 1}}, 90, ["code: needs 30 of 0", "weight 0 for"]),
        ("fail", {"books": {"tokens": 500}}, None, ["amounts asked for", "5.000 epochs"]),
        ("fail", {"books": {"tokens": 50}}, 70, ["the budget of 70", "budget: 50"]),
        ("fail", {"books": {"tokens": 50}, "web": {"weight": 1}}, 40, ["ask for 50", "is 40"]),
        ("fail", {"web": {"weight": 1}, "books": {"weight": 1e-9}}, 90, ["rounds to zero"]),
        ("fail", {"web": {"weight": 1, "divide": {"by": "l", "weights": {"en": 1, "de": 1}}}},
         90, ["web/de", "no documents"]),
    ],
)  # fmt: skip
def test_refusals(policy: str, domains: dict[str, Any], budget: int, parts: list[str]) -> None:
    divided = "divide" in domains.get("web", {})
    pool = {"web": {"web/en": 1000}} if divided else POOL
    with pytest.raises(ContractError) as caught:
        A.allocate(mix(domains, on_shortage=policy), pool, budget)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_scale_shrinks_absolute_amounts() -> None:
    spec = mix({"web": {"weight": 1}, "books": {"tokens": 1000}})
    got = A.allocate(spec, {"web": {"web": 1000}, "books": {"books": 1000}}, 50, scale=0.01)
    assert targets(got) == {"web": 40, "books": 10}
