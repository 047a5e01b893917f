"""The `mix` section: amounts that contradict each other, and domains that draw from nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mixcore.recipe.checks_where import check_condition
from mixcore.recipe.columns import EVERYWHERE, declared_columns, domain_sources, source_columns
from mixcore.recipe.faults import Faults, nearest
from mixcore.recipe.models import Divide, Domain, Mix, Recipe
from mixcore.recipe.yaml12 import KeyPath

_WEIGHT_TOTALS = (1.0, 100.0)
_NEAR_TOTAL = 0.05
"""Sums this close to 1 or 100 were meant to be that (GPT-3's printed weights sum to 101 %)."""
_ROUNDING = 1e-9
AMOUNTS = ("weight", "epochs", "tokens")
METHODS = ("weights", "temperature", "unimax", "proportional")


def check_mix(recipe: Recipe, mix: Mix, faults: Faults) -> None:
    """Note every fault of the mix that needs no data."""
    for name, domain in mix.domains.items():
        _check_domain(name, domain, recipe, faults)
    _check_sources_once(recipe, mix, faults)
    _check_amounts(mix, faults)


def _check_domain(name: str, domain: Domain, recipe: Recipe, faults: Faults) -> None:
    at: KeyPath = ("mix", "domains", name)
    given = [a for a in AMOUNTS if getattr(domain, a) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        faults.add(
            at,
            f"a domain has exactly one of weight | epochs | tokens, found {found}",
            fix="keep one" if given else f"e.g. `{name}: {{weight: 20}}`",
        )
    if domain.max_epochs is not None and (domain.epochs or 0) > domain.max_epochs:
        faults.add(
            (*at, "max_epochs"),
            f"below the domain's own epochs ({domain.epochs:g})",
            domain.max_epochs,
            f"max_epochs: {domain.epochs:g}, or leave it out",
        )
    if domain.sources is not None and not domain.sources:
        faults.add((*at, "sources"), "an empty list of sources", [], "leave it out or name some")
    unknown = False
    for source in domain_sources(recipe, name, domain):
        if source in recipe.sources:
            continue
        unknown = True
        if domain.sources is not None:
            faults.unknown((*at, "sources"), "source", source, recipe.sources)
        else:
            origin = "or say where its documents come from: `sources: [...]` or `where:`"
            fix = f"{nearest(name, recipe.sources)}; {origin}"
            faults.add(at, f"the domain {name!r} is no source", fix=fix)
    if unknown:
        return
    drawn = [recipe.sources[s] for s in domain_sources(recipe, name, domain)]
    columns = {c for source in drawn for c in source_columns(source)}
    if domain.where is not None:
        check_condition(
            (*at, "where"), domain.where, columns, faults, elsewhere=declared_columns(recipe)
        )
    if domain.divide is not None:
        _check_divide((*at, "divide"), domain.divide, columns, faults)


def _check_divide(at: KeyPath, divide: Divide, columns: set[str], faults: Faults) -> None:
    valid = {*columns, *EVERYWHERE}
    if divide.by not in valid:
        faults.unknown((*at, "by"), "column", divide.by, valid)
    given = [m for m in METHODS if getattr(divide, m)]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        faults.add(
            at,
            "exactly one of weights | temperature | unimax | proportional, found " + found,
            fix="keep one" if given else "e.g. `proportional: true`",
        )
    if divide.weights is not None:
        _check_weights((*at, "weights"), divide.weights, faults)


def _check_weights(at: KeyPath, weights: Mapping[str, float], faults: Faults) -> None:
    total = math.fsum(weights.values())
    if total <= 0:
        faults.add(at, "all weights are zero", dict(weights), "give at least one a positive weight")
        return
    for whole in _WEIGHT_TOTALS:
        off = abs(total - whole) / whole
        if len(weights) > 1 and _ROUNDING < off <= _NEAR_TOTAL:
            faults.warn(
                at,
                f"the weights sum to {total:.10g}, not {whole:g}; they are relative, "
                "so the shares are weight / sum",
            )


def _check_sources_once(recipe: Recipe, mix: Mix, faults: Faults) -> None:
    """A document belongs to one domain; conditions tell apart what shares a source."""
    by_source: dict[str, list[str]] = {}
    for name, domain in mix.domains.items():
        for source in domain_sources(recipe, name, domain):
            by_source.setdefault(source, []).append(name)
    for source, names in by_source.items():
        plain = [n for n in names if mix.domains[n].where is None]
        at: KeyPath = ("mix", "domains", plain[-1] if plain else names[0])
        fix = "give `where` to all of them, such that they exclude each other"
        if len(plain) > 1:
            what = f"the source `{source}` lies as a whole in the domains {', '.join(plain)}"
            faults.add(at, f"{what}; a document has one domain", fix=fix)
        elif plain and len(names) > 1:
            what = f"the source `{source}` is in the domains {', '.join(names)}"
            faults.warn(at, f"{what}, and `{plain[0]}` takes all of it; {fix}")
    for source in recipe.sources:
        if source not in by_source:
            faults.warn(
                ("sources", source), "in no domain of the mix, so nothing of it is delivered"
            )


def _check_amounts(mix: Mix, faults: Faults) -> None:
    at: KeyPath = ("mix", "domains")
    weights = {n: d.weight for n, d in mix.domains.items() if d.weight is not None}
    tokens = math.fsum(d.tokens for d in mix.domains.values() if d.tokens is not None)
    n_tokens = sum(d.tokens is not None for d in mix.domains.values())
    has_epochs = any(d.epochs is not None for d in mix.domains.values())
    if weights:
        _check_weights(at, weights, faults)
    if mix.budget is None:
        if weights:
            faults.add(
                ("mix",),
                "weights share a budget, and there is none",
                list(weights),
                "add `budget: {tokens: 1e9}`, or give every domain epochs or tokens",
            )
        return
    if n_tokens and mix.budget.tokens is None:
        unit = next(u for u in ("bytes", "documents", "fraction") if getattr(mix.budget, u))
        faults.add(
            ("mix", "budget"),
            f"the budget is in {unit} and domains are in tokens",
            fix="give the budget in tokens",
        )
    if has_epochs and not any(weights.values()):
        faults.warn(
            ("mix", "budget"),
            "no domain has a weight, so nothing takes what epochs and tokens leave of the budget",
        )
    budget = mix.budget.tokens
    if budget is None:
        return
    shown = f"{tokens:,.0f} of {budget:,.0f}"
    if tokens > budget:
        faults.add(
            ("mix", "budget"),
            "domains given in tokens ask for more than the budget",
            shown,
            f"raise the budget to at least {tokens:,.0f}".replace(",", "_"),
        )
    elif tokens == budget and (any(weights.values()) or has_epochs):
        faults.add(
            ("mix", "budget"),
            "domains given in tokens take the whole budget; nothing is left for the others",
            shown,
            "raise the budget",
        )
    elif tokens < budget and n_tokens == len(mix.domains):
        faults.add(
            ("mix", "budget"),
            "all domains are given in tokens and do not fill the budget",
            shown,
            f"leave the budget out or set it to {tokens:,.0f}".replace(",", "_"),
        )
