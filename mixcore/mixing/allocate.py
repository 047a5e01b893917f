"""How much of each leaf domain: pure arithmetic on whole numbers, no Spark.

Amounts are exact fractions until the end and become integers by largest remainder, node by node,
so that children always sum to their parent. Order of decisions: domain, leaf; documents are
chosen elsewhere (`mixcore.mixing.select`). Definitions: design notes on mixing, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from mixcore.mixing.shortage import Need, shortage_error
from mixcore.recipe.models import Divide, Domain, Mix
from mixcore.runtime.errors import ContractError

Amounts = dict[str, Fraction]
_TEMPERATURE_BITS = 40
"""Weights N^(1/T) are quantised to 2^-40 of the largest: `pow` may differ between machines."""


def exact(value: float) -> Fraction:
    """The decimal a person wrote, not its binary neighbour: `exact(0.1) == 1/10`."""
    return Fraction(repr(value))


# ---- weights ----------------------------------------------------------------------------------


def given(weights: Mapping[str, float]) -> Amounts:
    """Shares proportional to the weights of a recipe; all zero if no weight is positive."""
    return _normalise({name: exact(w) for name, w in weights.items()})


def proportional(available: Mapping[str, int]) -> Amounts:
    """Shares as the sizes: w_i = N_i / sum N."""
    return _normalise({name: Fraction(n) for name, n in available.items()})


def temperature(available: Mapping[str, int], t: float) -> Amounts:
    """Shares w_i ~ N_i^(1/t): 1 is proportional, larger is flatter."""
    largest = max(available.values(), default=0)
    if not largest:
        return dict.fromkeys(available, Fraction(0))
    scale = 2**_TEMPERATURE_BITS
    return _normalise(
        {name: Fraction(round((n / largest) ** (1.0 / t) * scale)) for name, n in available.items()}
    )


def _normalise(weights: Amounts) -> Amounts:
    total = sum(weights.values(), Fraction(0))
    return {name: w / total if total else Fraction(0) for name, w in weights.items()}


# ---- amounts ----------------------------------------------------------------------------------


def waterfill(
    weights: Mapping[str, Fraction], caps: Mapping[str, Fraction], budget: Fraction
) -> Amounts:
    """Amounts min(s * w_i, cap_i) with s such that they sum to the budget.

    Ratios among uncapped names are those of the weights; a name of weight zero gets nothing.

    Args:
        weights: Weight by name, >= 0.
        caps: Most that each name may get, same names.
        budget: What to share out; if the caps of positive weights sum to less, all are filled.

    Returns:
        Amounts by name, in the order of `weights`.
    """
    out = dict.fromkeys(weights, Fraction(0))
    active = sorted((n for n in weights if weights[n] > 0), key=lambda n: (caps[n] / weights[n], n))
    left, total = Fraction(budget), sum((weights[n] for n in active), Fraction(0))
    for i, name in enumerate(active):
        level = left / total
        if caps[name] > level * weights[name]:
            # Sorted by cap / weight: nobody after this one is capped either.
            out.update({other: level * weights[other] for other in active[i:]})
            break
        out[name] = Fraction(caps[name])
        left, total = left - caps[name], total - weights[name]
    return out


def unimax(available: Mapping[str, int], budget: Fraction, max_epochs: Fraction) -> Amounts:
    """UniMax (arXiv:2304.09151, algorithm 1): equal amounts, at most `max_epochs` of each.

    It is the waterfill with equal weights.

    >>> alloc = unimax({"a": 1, "b": 10, "c": 100}, Fraction(60), Fraction(4))
    >>> [int(alloc[name]) for name in "abc"]
    [4, 28, 28]
    """
    caps = {name: max_epochs * n for name, n in available.items()}
    return waterfill(dict.fromkeys(available, Fraction(1)), caps, budget)


def round_to_sum(amounts: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Whole numbers by largest remainder that sum exactly to `total`.

    Each result is the floor or the ceiling of its amount; equal remainders go by name. `total`
    must lie between the sums of floors and of ceilings.
    """
    out = {name: math.floor(amount) for name, amount in amounts.items()}
    extra = total - sum(out.values())
    order = sorted(amounts, key=lambda n: (out[n] - amounts[n], n))
    fractional = [name for name in order if amounts[name] != out[name]]
    if not 0 <= extra <= len(fractional):
        raise ValueError(f"amounts sum to {float(sum(amounts.values()))}, not to {total}")
    for name in fractional[:extra]:
        out[name] += 1
    return out


# ---- the tree ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class LeafAmount:
    """What one leaf gets."""

    path: str
    domain: str
    available: int
    """Units that could be chosen, each once."""
    target: int
    """Units to choose, repeats counted."""

    @property
    def epochs(self) -> float:
        """Target over available; 0 where there is nothing."""
        return self.target / self.available if self.available else 0.0


@dataclass(frozen=True)
class Allocation:
    """Targets of all leaves, in the order of the recipe and, within a domain, of the path."""

    leaves: tuple[LeafAmount, ...]
    wanted: int | None
    """The budget asked for, None if the recipe has none."""

    @property
    def total(self) -> int:
        """Sum of all targets."""
        return sum(leaf.target for leaf in self.leaves)


class _Node:
    """A domain with its leaves: how an amount splits and how much it can take."""

    def __init__(self, name: str, spec: Domain, sizes: Mapping[str, int], mix: Mix) -> None:
        self.name, self.spec = name, spec
        self.sizes = dict(sorted(sizes.items()))
        limit = spec.max_epochs or max(mix.max_epochs, spec.epochs or 0.0)
        # `epochs: 2` is the domain saying that it repeats; the default cap does not forbid it.
        self.caps = {path: exact(limit) * n for path, n in self.sizes.items()}
        self.max_epochs = limit
        self.shares, self.equalise = _shares(name, spec.divide, self.sizes)
        self.positive = [path for path, share in self.shares.items() if share > 0]

    @property
    def available(self) -> int:
        return sum(self.sizes.values())

    @property
    def loose_cap(self) -> Fraction:
        """Most it can take if leaves may stand in for each other."""
        return sum((self.caps[path] for path in self.positive), Fraction(0))

    @property
    def strict_cap(self) -> Fraction:
        """Most it can take at its leaves' own ratios."""
        if self.equalise or not self.positive:
            return self.loose_cap
        return min(self.caps[path] / self.shares[path] for path in self.positive)

    def needs(self, amount: Fraction) -> list[Need]:
        """What each leaf would have to give, to name the binding one."""
        parts = {path: amount * share for path, share in self.shares.items()}
        if self.equalise:
            parts = waterfill(self.shares, self.caps, amount)
            short = amount - sum(parts.values(), Fraction(0))
            parts = {p: a + short * self.shares[p] for p, a in parts.items()}
        return [Need(p, a, self.sizes[p], self.caps[p], self.max_epochs) for p, a in parts.items()]

    def split(self, amount: int) -> dict[str, int]:
        """Whole amounts of the leaves; sums to `amount`. Caps round up to whole units."""
        caps = {path: Fraction(math.ceil(cap)) for path, cap in self.caps.items()}
        return round_to_sum(waterfill(self.shares, caps, Fraction(amount)), amount)


def _shares(name: str, divide: Divide | None, sizes: Mapping[str, int]) -> tuple[Amounts, bool]:
    """Shares of the leaves and whether they are UniMax (equal until a cap binds)."""
    if divide is None:
        return dict.fromkeys(sizes, Fraction(1)), False
    if divide.weights is not None:
        weights = {f"{name}/{value}": w for value, w in divide.weights.items()}
        return given({path: weights.get(path, 0.0) for path in sizes}), False
    if divide.temperature is not None:
        return temperature(sizes, divide.temperature), False
    if divide.unimax:
        return given(dict.fromkeys(sizes, 1.0)), True
    return proportional(sizes), False


def leaf_paths(name: str, divide: Divide | None) -> tuple[str, ...]:
    """The leaves a recipe names itself; with other ways to divide, the data names them."""
    if divide is None:
        return (name,)
    return tuple(f"{name}/{value}" for value in divide.weights or ())


def allocate(
    mix: Mix, available: Mapping[str, Mapping[str, int]], budget: int | None, scale: float = 1.0
) -> Allocation:
    """Targets of every leaf.

    Domains by `epochs` or `tokens` come first, those by weight share what is left; without a
    budget they get as much as their ratios allow. No leaf gets more than max_epochs (its
    domain's, else the mix's) times what is available.

    Args:
        mix: The recipe's section.
        available: By domain, by leaf path: units that could be chosen. A leaf that the recipe
            names and the data lack counts as 0.
        budget: Whole units, None for none.
        scale: Factor on absolute amounts (`tokens`) of domains, for a sampled run.

    Raises:
        ContractError: A shortage under `on_shortage: fail`, or one that the policy cannot
            bridge; an amount that rounds to nothing.
    """
    nodes = []
    for name, spec in mix.domains.items():
        named = dict.fromkeys(leaf_paths(name, spec.divide), 0)
        nodes.append(_Node(name, spec, {**named, **available.get(name, {})}, mix))
    wanted = _wanted(nodes, budget, scale)
    amounts = _apply_policy(nodes, wanted, mix, budget)
    total = sum(amounts.values(), Fraction(0))
    whole = round_to_sum(amounts, math.floor(total))
    leaves: list[LeafAmount] = []
    for node in nodes:
        for path, target in node.split(whole[node.name]).items():
            _refuse_zero(node, path, target, amounts[node.name])
            leaves.append(LeafAmount(path, node.name, node.sizes[path], target))
    return Allocation(tuple(leaves), budget)


def _wanted(nodes: list[_Node], budget: int | None, scale: float) -> Amounts:
    """What each domain asks for, before looking at caps."""
    out: Amounts = {}
    for node in nodes:
        if node.spec.epochs is not None:
            out[node.name] = exact(node.spec.epochs) * node.available
        elif node.spec.tokens is not None:
            out[node.name] = Fraction(max(1, round(exact(node.spec.tokens) * exact(scale))))
    fixed = sum(out.values(), Fraction(0))
    shares = given({n.name: n.spec.weight or 0.0 for n in nodes if n.name not in out})
    if budget is not None and fixed > budget:
        raise ContractError(
            f"the domains given by epochs or tokens ask for {math.ceil(fixed):,}, "
            f"the budget is {budget:,}",
            where="mix.budget",
            value={name: math.ceil(a) for name, a in out.items()},
            fix=f"a budget of at least {math.ceil(fixed):,}, or smaller amounts",
        )
    if budget is not None:
        left = budget - fixed
    else:
        ratios = [n.strict_cap / shares[n.name] for n in nodes if shares.get(n.name, 0) > 0]
        left = min(ratios, default=Fraction(0))
    return {n.name: out.get(n.name, left * shares.get(n.name, Fraction(0))) for n in nodes}


def _apply_policy(nodes: list[_Node], wanted: Amounts, mix: Mix, budget: int | None) -> Amounts:
    """Domain amounts within the caps, by `on_shortage`."""
    total = sum(wanted.values(), Fraction(0))
    short = [n for n in nodes if wanted[n.name] > n.strict_cap]
    unspent = budget is not None and total < budget
    if not short and not unspent:
        return wanted
    if mix.on_shortage == "shrink":
        factor = min((n.strict_cap / wanted[n.name] for n in short), default=Fraction(1))
        if factor > 0:
            return {name: amount * factor for name, amount in wanted.items()}
    elif mix.on_shortage == "redistribute":
        amounts = _redistribute(nodes, wanted, total if budget is None else Fraction(budget))
        if sum(amounts.values(), Fraction(0)) == (total if budget is None else budget):
            return amounts
    needs = [need for n in nodes for need in n.needs(wanted[n.name])]
    feasible = _largest_feasible(nodes, wanted, mix)
    raise shortage_error(needs, budget, feasible, mix.on_shortage)


def _redistribute(nodes: list[_Node], wanted: Amounts, total: Fraction) -> Amounts:
    """Fill fixed amounts as far as they go; domains by weight take over what is missing."""
    fixed = {n.name: min(wanted[n.name], n.loose_cap) for n in nodes if n.spec.weight is None}
    by_weight = [n for n in nodes if n.spec.weight is not None]
    shares = given({n.name: n.spec.weight or 0.0 for n in by_weight})
    caps = {n.name: n.loose_cap for n in by_weight}
    left = total - sum(fixed.values(), Fraction(0))
    filled = waterfill(shares, caps, left)
    return {n.name: fixed[n.name] if n.name in fixed else filled[n.name] for n in nodes}


def _largest_feasible(nodes: list[_Node], wanted: Amounts, mix: Mix) -> int | None:
    """Largest budget for which the mix can be made; None if a fixed amount is the obstacle."""
    fixed = [n for n in nodes if n.spec.weight is None]
    by_weight = [n for n in nodes if n.spec.weight]
    loose = mix.on_shortage == "redistribute"
    if any(wanted[n.name] > n.strict_cap for n in fixed) and not (loose and by_weight):
        return None
    spent = sum((min(wanted[n.name], n.loose_cap) for n in fixed), Fraction(0))
    shares = given({n.name: n.spec.weight or 0.0 for n in by_weight})
    if loose:
        return math.floor(spent + sum((n.loose_cap for n in by_weight), Fraction(0)))
    ratios = [n.strict_cap / shares[n.name] for n in by_weight]
    return math.floor(spent + min(ratios, default=Fraction(0)))


def _refuse_zero(node: _Node, path: str, target: int, amount: Fraction) -> None:
    """A positive share of something that exists must not round to nothing."""
    if target == 0 and amount > 0 and node.shares[path] > 0 and node.sizes[path] > 0:
        share = float(amount * node.shares[path])
        raise ContractError(
            f"domain {path!r} has a positive share, but it rounds to zero ({share:.3g} units)",
            where="mix.domains",
            fix="a larger budget, a larger weight, or weight 0",
        )
