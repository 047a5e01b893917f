"""Rule sets: built-in presets, and what a source's documents are judged by in the end.

A recipe's rule set lies on top of its presets. A gate on the same signal replaces the preset's; a
name without `@` stands for every variant of the signal there. `none` removes. With several presets
the later one replaces gates of the same name. A replaced gate keeps its place in the order, since
the first failing gate is the one reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mixcore.recipe.models import Component, Gate, Recipe, RuleSet
from mixcore.recipe.yaml12 import parse
from mixcore.text.signals import groups_of

NONE_RULES = "none"
DEFAULT_RULES = "default"

ScoreKind = Literal["text", "code"]
SCORES: dict[ScoreKind, tuple[Component, ...]] = {
    # Prose: little repetition at two ranges (Gopher's strongest rules), and varied words.
    "text": (
        Component(signal="dup_ngram_chars_5", better="low"),
        Component(signal="top_ngram_chars_2", better="low"),
        Component(signal="unique_word_frac", better="high"),
    ),
    # Code repeats words by nature, so prose components would rank it upside down. These are the
    # directions of StarCoder's cuts (short lines, letters rather than symbols), and fewer lines
    # copied within the file.
    "code": (
        Component(signal="mean_line_length", better="low"),
        Component(signal="alnum_frac", better="high"),
        Component(signal="dup_line_char_frac", better="low"),
    ),
}
"""Scores of rule sets that give none, by kind of source; an equal-weight mean of percentiles."""


@dataclass(frozen=True)
class ResolvedGate:
    """One gate in force: its id as written, the signal or column it reads, and where it is from."""

    id: str
    signal: str
    gate: Gate
    origin: str
    """`preset NAME` or `rules.NAME`."""


@dataclass(frozen=True)
class ResolvedRules:
    """What one source's documents are judged by."""

    name: str
    gates: tuple[ResolvedGate, ...]
    score: tuple[Component, ...]
    drop_lowest: float


@dataclass(frozen=True)
class Preset:
    """A built-in rule set."""

    name: str
    about: str
    score_kind: ScoreKind
    gates: tuple[ResolvedGate, ...]


@cache
def preset_names() -> tuple[str, ...]:
    """Names of the built-in rule sets, sorted."""
    folder = files("mixcore.recipe") / "presets"
    return tuple(
        sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    )


@cache
def load_preset(name: str) -> Preset:
    """The built-in rule set `name`, with what it builds on."""
    text = (files("mixcore.recipe") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    data, _ = parse(text, f"preset {name}")
    about, kind, below = data.pop("about"), data.pop("score_kind"), data.pop("preset", None)
    own = RuleSet.model_validate(data)
    gates = load_preset(below).gates if below is not None else ()
    return Preset(name, about, kind, _lay_over(gates, own, f"preset {name}"))


def rules_name(recipe: Recipe, source: str) -> str:
    """Name of the rule set of `source`: its own choice, else the built-in of its name."""
    chosen = recipe.sources[source].rules
    if recipe.rules == "none" or chosen == NONE_RULES:
        return NONE_RULES
    if chosen is not None:
        return chosen
    known = {*recipe.rules, *preset_names()}
    return source if source in known and "@" not in source else DEFAULT_RULES


def known_rules(recipe: Recipe) -> tuple[str, ...]:
    """Names a source may give as its `rules`."""
    own = () if recipe.rules == "none" else tuple(recipe.rules)
    return tuple(sorted({*own, *preset_names(), NONE_RULES}))


def resolve_rules(recipe: Recipe, source: str) -> ResolvedRules:
    """Gates and score that hold for the documents of `source`.

    Args:
        recipe: A checked recipe.
        source: Key of `recipe.sources`.

    Returns:
        The rule set; without gates and score where `rules: none` holds.
    """
    return resolve_rule_set(recipe, rules_name(recipe, source), source)


def resolve_rule_set(recipe: Recipe, name: str, source: str) -> ResolvedRules:
    """As `resolve_rules` for a rule set by name; `source` only decides the kind of score."""
    own = recipe.rules.get(name) if recipe.rules != "none" else "none"
    if name == NONE_RULES or own == "none":
        return ResolvedRules(NONE_RULES, (), (), 0.0)
    if own is None:
        preset = load_preset(name)
        return ResolvedRules(name, preset.gates, SCORES[preset.score_kind], 0.0)
    gates: tuple[ResolvedGate, ...] = ()
    for preset_name in own.preset:
        gates = _stack(gates, load_preset(preset_name).gates)
    score = SCORES[_score_kind(own, source)] if own.score is None else own.score
    return ResolvedRules(name, _lay_over(gates, own, f"rules.{name}"), score, own.drop_lowest)


def _score_kind(rules: RuleSet, source: str) -> ScoreKind:
    """The kind of the last preset named, else of the built-in of the source's name, else text."""
    if rules.preset:
        return load_preset(rules.preset[-1]).score_kind
    return load_preset(source if source in preset_names() else DEFAULT_RULES).score_kind


def _stack(
    below: tuple[ResolvedGate, ...], above: tuple[ResolvedGate, ...]
) -> tuple[ResolvedGate, ...]:
    """Gates of two presets; the later one replaces gates of the same name in place."""
    by_id = {g.id: g for g in above}
    kept = [by_id.pop(g.id, g) for g in below]
    return (*kept, *by_id.values())


def _lay_over(
    below: tuple[ResolvedGate, ...], rules: RuleSet, origin: str
) -> tuple[ResolvedGate, ...]:
    gates = list(below)
    for name, gate in rules.gates.items():
        hit = [i for i, g in enumerate(gates) if overrides(name, g.id)]
        place = hit[0] if hit else len(gates)
        gates = [g for i, g in enumerate(gates) if i not in hit]
        if gate != "none":
            gates.insert(place, ResolvedGate(name, name, gate, origin))
    return tuple(gates)


def overrides(name: str, gate_id: str) -> bool:
    """Whether a gate written as `name` replaces the gate `gate_id` of a preset.

    >>> overrides("symbol_word_ratio", "symbol_word_ratio@rpv2")
    True
    >>> overrides("symbol_word_ratio@rpv2", "symbol_word_ratio")
    False
    """
    return name == gate_id or ("@" not in name and gate_id.split("@", maxsplit=1)[0] == name)


def signals_used(rules: ResolvedRules) -> tuple[str, ...]:
    """Every signal or column the rules read, sorted, named as written."""
    names = {g.signal for g in rules.gates} | {c.signal for c in rules.score}
    return tuple(sorted(names))


def signal_groups(recipe: Recipe, source: str) -> tuple[str, ...]:
    """Groups of signals on demand that the rules of `source` name, to be computed of it."""
    return groups_of(signals_used(resolve_rules(recipe, source)))


def rules_data(rules: ResolvedRules) -> dict[str, Any]:
    """The rules as JSON values; limits only where given."""
    gates = [
        {"id": g.id, "signal": g.signal, **limits(g.gate), "on_missing": g.gate.on_missing,
         "action": g.gate.action, "origin": g.origin}
        for g in rules.gates
    ]  # fmt: skip
    score = [c.model_dump(mode="json") for c in rules.score]
    return {"name": rules.name, "gates": gates, "score": score, "drop_lowest": rules.drop_lowest}


def limits(gate: Gate) -> dict[str, Any]:
    """The limits of a gate as written in a recipe, without those it does not have.

    >>> limits(Gate(min=1))
    {'min': 1.0}
    """
    return gate.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"on_missing", "action"}
    )


def rules_digest(recipe: Recipe) -> dict[str, Any]:
    """The resolved rules of every source, for the recipe's sha256."""
    return {source: rules_data(resolve_rules(recipe, source)) for source in recipe.sources}
