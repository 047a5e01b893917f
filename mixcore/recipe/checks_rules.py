"""Rule sets against the catalogue of signals: what quality filters get wrong silently elsewhere.

Shipped recipes of peers filter on a signal nobody computes, hold a key twice, call a minimum a
maximum, or read 0 as "off". Here each of these is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from mixcore.recipe.columns import has_language
from mixcore.recipe.faults import NOT_YET_SIGNALS, Faults, nearest
from mixcore.recipe.models import Gate, Recipe, RuleSet
from mixcore.recipe.rules import (
    NONE_RULES,
    known_rules,
    limits,
    overrides,
    preset_names,
    resolve_rule_set,
    rules_name,
)
from mixcore.recipe.yaml12 import KeyPath
from mixcore.text.signals import SIGNALS, Signal

MAX_GATES = 64
"""Bits of `gate_bits` (BIGINT)."""
LANGUAGE = "language"
_COLUMNS = {
    "language_confidence": Signal("language_confidence", "f32", "", True, (0.0, 1.0)),
    "n_tokens": Signal("n_tokens", "i64", ""),
}
GATE_SIGNALS: dict[str, Signal] = {**{s.name: s for s in SIGNALS}, **_COLUMNS}
"""Numbers a gate may limit: signals, and columns beside them. `language` is the one text."""


def check_rules(recipe: Recipe, faults: Faults) -> None:
    """Note every fault of the rule sets and of the sources' choices among them."""
    used = {}
    for source, spec in recipe.sources.items():
        at: KeyPath = ("sources", source, "rules")
        name = rules_name(recipe, source)
        used[source] = name
        if spec.rules is not None and recipe.rules == "none" and spec.rules != "none":
            faults.warn(at, "`rules: none` holds for all sources; this choice has no effect")
        elif spec.rules is not None and spec.rules not in known_rules(recipe):
            faults.unknown(at, "rule set", spec.rules, known_rules(recipe))
    if recipe.rules == "none":
        return
    for name, rules in recipe.rules.items():
        if name == NONE_RULES:
            fix = "use another name; a source without rules has `rules: none`"
            faults.add(("rules", name), "`none` cannot name a rule set", fix=fix)
        if rules == "none" or name == NONE_RULES:
            continue
        if name not in used.values():
            faults.warn(("rules", name), "no source uses these rules")
        sources = [s for s, n in used.items() if n == name]
        _check_rule_set(("rules", name), name, rules, recipe, sources, faults)


def _check_rule_set(
    at: KeyPath, name: str, rules: RuleSet, recipe: Recipe, sources: list[str], faults: Faults
) -> None:
    n_before = len(faults.errors)
    for preset in rules.preset:
        if preset not in preset_names():
            faults.unknown((*at, "preset"), "preset", preset, preset_names())
    for gate_name, gate in rules.gates.items():
        place = (*at, "gates", gate_name)
        if gate_name != LANGUAGE and not _known(place, "signal", gate_name, faults):
            continue
        if gate != "none":
            _check_gate(place, gate_name, gate, faults)
            if gate_name in (LANGUAGE, "language_confidence"):
                _check_language(place, gate_name, gate, recipe, sources, faults)
    for i, component in enumerate(rules.score or ()):
        place = (*at, "score", i, "signal")
        if component.signal == LANGUAGE:
            faults.add(place, "`language` is no number and cannot be a score component", LANGUAGE)
        elif _known(place, "signal", component.signal, faults):
            twice = [c.signal for c in rules.score or ()].index(component.signal) != i
            if twice:
                faults.add(
                    place, f"the component {component.signal!r} stands twice", fix="add the weights"
                )
    if len(faults.errors) > n_before:
        return
    below = resolve_rule_set(
        recipe.model_copy(update={"rules": {name: rules.model_copy(update={"gates": {}})}}),
        name,
        "",
    )
    for gate_name, gate in rules.gates.items():
        if gate == "none" and not any(overrides(gate_name, g.id) for g in below.gates):
            faults.add(
                (*at, "gates", gate_name),
                "`none` takes away a gate of a preset, and no preset here has it",
                gate_name,
                nearest(gate_name, [g.id for g in below.gates])
                if below.gates
                else "remove the line",
            )
    resolved = resolve_rule_set(recipe, name, "")
    if len(resolved.gates) > MAX_GATES:
        faults.add(
            (*at, "gates"),
            f"{len(resolved.gates)} gates; a rule set has at most {MAX_GATES}",
            fix="split the source, or take gates away with `none`",
        )
    if rules.drop_lowest > 0 and not resolved.score:
        faults.add(
            (*at, "drop_lowest"),
            "there is no score to drop by",
            rules.drop_lowest,
            "give `score` at least one component",
        )


def _known(path: KeyPath, kind: str, name: str, faults: Faults) -> bool:
    if name in GATE_SIGNALS:
        return True
    if name in NOT_YET_SIGNALS:
        faults.add(
            path, f"not yet: the signal `{name}` comes later", name, nearest(name, GATE_SIGNALS)
        )
    else:
        faults.unknown(path, kind, name, [*GATE_SIGNALS, LANGUAGE])
    return False


def _check_gate(path: KeyPath, name: str, gate: Gate, faults: Faults) -> None:
    given = limits(gate)
    if not given:
        faults.add(
            path,
            "a gate without a limit",
            fix=f"give min, max, above, below or in; to take a gate away write `{name}: none`",
        )
        return
    if name == LANGUAGE:
        if set(given) != {"in"}:
            faults.add(path, "`language` is text: only `in` limits it", given, "in: [en, de]")
        elif not gate.allowed:
            faults.add((*path, "in"), "an empty list keeps nothing", [], "name what is kept")
        return
    if "in" in given:
        faults.add(
            (*path, "in"),
            f"`in` is for text; `{name}` is a number",
            given["in"],
            "give min, max, above or below",
        )
        return
    signal = GATE_SIGNALS[name]
    _check_range(path, signal, gate, given, faults)
    if signal.nullable and "on_missing" not in gate.model_fields_set:
        faults.add(
            path,
            f"`{name}` can be missing (no list or detector for the language)",
            fix="add on_missing: keep | drop | error",
        )


def _check_range(
    path: KeyPath, signal: Signal, gate: Gate, given: dict[str, float], faults: Faults
) -> None:
    for one, other in (("min", "above"), ("max", "below")):
        if one in given and other in given:
            faults.add(
                path,
                f"`{one}` and `{other}` limit the same side",
                given,
                f"keep one: {one} is inclusive, {other} exclusive",
            )
            return
    low, high = signal.domain
    is_whole = signal.dtype != "f32"
    for key, limit in given.items():
        if not low <= limit <= high:
            bounds = f"{low:g} to {high:g}" if high < inf else f"{low:g} and more"
            faults.add(
                (*path, key),
                f"outside of what `{signal.name}` can be ({bounds})",
                limit,
                "a share of 15 % is written 0.15" if high == 1 and limit > 1 else "",
            )
            return
        if is_whole and limit != int(limit):
            faults.add((*path, key), f"`{signal.name}` is a whole number", limit)
            return
    if "min" in given and given["min"] > given.get("max", inf):
        faults.add(path, "`min` above `max`: nothing passes", given, "swap them")
    elif _is_empty(gate, signal, whole=is_whole):
        faults.add(path, "an empty range: nothing passes", given, "widen it")
    elif _is_everything(gate, signal):
        faults.warn(
            path,
            f"keeps every value of `{signal.name}` ({low:g} and more); 0 is a "
            "number, write `none` if the gate should not apply",
        )


def _bounds(gate: Gate) -> tuple[float, bool, float, bool]:
    """(lower limit, is it excluded, upper limit, is it excluded)."""
    low = gate.above if gate.above is not None else gate.min
    high = gate.below if gate.below is not None else gate.max
    return (
        -inf if low is None else low,
        gate.above is not None,
        inf if high is None else high,
        gate.below is not None,
    )


def _is_empty(gate: Gate, signal: Signal, *, whole: bool) -> bool:
    low, low_out, high, high_out = _bounds(gate)
    low, low_out = max((low, low_out), (signal.domain[0], False))
    high, high_in = min((high, not high_out), (signal.domain[1], True))
    if whole:
        low, low_out = (low + 1, False) if low_out else (low, False)
        high, high_in = (high, True) if high_in else (high - 1, True)
    return low > high or (low == high and (low_out or not high_in))


def _is_everything(gate: Gate, signal: Signal) -> bool:
    low, low_out, high, high_out = _bounds(gate)
    floor, ceiling = signal.domain
    return (low < floor or (low == floor and not low_out)) and (
        high > ceiling or (high == ceiling and not high_out)
    )


def _check_language(
    path: KeyPath, name: str, gate: Gate, recipe: Recipe, sources: Iterable[str], faults: Faults
) -> None:
    """A gate on a language nobody declares would drop or keep everything."""
    if not any(has_language(s) for s in recipe.sources.values()):
        faults.add(
            path,
            f"a gate on `{name}`, and no source declares a language",
            fix="add `columns: {language: FIELD}` or `language: en` to the sources",
        )
        return
    for source in sources:
        if name == LANGUAGE and not has_language(recipe.sources[source]):
            if "und" not in (gate.allowed or ()):
                faults.warn(
                    path,
                    f"the source `{source}` declares no language, so all of it is "
                    "`und` and dropped here",
                )
        elif name != LANGUAGE:
            faults.warn(
                path,
                "declared languages have no confidence, so it is missing for all of "
                f"`{source}`: on_missing: {gate.on_missing} decides",
            )
