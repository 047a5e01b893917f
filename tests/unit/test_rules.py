"""Rule sets: the built-in ones against the catalogue, and how a recipe's lie on top."""

from __future__ import annotations

from importlib.resources import files

import pytest

from mixcore.recipe.checks_rules import GATE_SIGNALS, MAX_GATES, check_rules
from mixcore.recipe.faults import Faults
from mixcore.recipe.loader import load_text
from mixcore.recipe.models import Gate, Recipe
from mixcore.recipe.rules import (
    SCORES,
    ResolvedRules,
    limits,
    load_preset,
    overrides,
    preset_names,
    resolve_rules,
    signal_groups,
    signals_used,
)
from mixcore.recipe.yaml12 import Positions
from mixcore.runtime.errors import RecipeErrors
from mixcore.text.signals import SIGNALS


def recipe_of(rules: object, **sources: object) -> Recipe:
    return Recipe.model_validate(
        {
            "version": 1,
            "output": {"path": "out"},
            "sources": sources or {"web": {"path": "w.jsonl", "language": "en"}},
            "rules": rules,
        }
    )


def gates_of(resolved: ResolvedRules) -> dict[str, dict[str, float]]:
    return {g.id: limits(g.gate) for g in resolved.gates}


# ---- built-in presets ---------------------------------------------------------------------------

GOPHER = {
    "n_norm_words": {"min": 50, "max": 100_000},
    "mean_norm_word_length@rpv2": {"min": 3, "max": 10},
    "symbol_word_ratio@rpv2": {"max": 0.1},
    "bullet_line_frac@rpv2": {"max": 0.9},
    "ellipsis_line_frac@rpv2": {"max": 0.3},
    "alpha_word_frac@rpv2": {"min": 0.8},
    "top_ngram_chars_2@rpv2": {"max": 0.20},
    "top_ngram_chars_3@rpv2": {"max": 0.18},
    "top_ngram_chars_4@rpv2": {"max": 0.16},
    "dup_ngram_chars_5@rpv2": {"max": 0.15},
    "dup_ngram_chars_6@rpv2": {"max": 0.14},
    "dup_ngram_chars_7@rpv2": {"max": 0.13},
    "dup_ngram_chars_8@rpv2": {"max": 0.12},
    "dup_ngram_chars_9@rpv2": {"max": 0.11},
    "dup_ngram_chars_10@rpv2": {"max": 0.10},
}
"""Gopher, tables A1 and quality rules, in RedPajama v2's signals."""
CONTENTS = {
    "gopher@rpv2": GOPHER,
    "default": GOPHER,
    "web": {
        **{signal: limit for signal, limit in GOPHER.items() if signal != "alpha_word_frac@rpv2"},
        "alpha_word_frac": {"min": 0.8},
        "n_lorem": {"max": 0},
    },
    "c4@tfds": {
        "n_chars": {"max": 190_000},
        "n_lorem@tfds": {"max": 0},
        "n_curly_open@tfds": {"max": 0},
        "n_sentences@tfds": {"min": 3},
    },
    "code": {
        "max_line_length": {"max": 1000},
        "mean_line_length": {"max": 100},
        "alnum_frac": {"min": 0.25},
        "xml_head": {"max": 0},
        "encoded_run_max": {"max": 1024},
        "encoded_frac": {"max": 0.5},
    },
}


@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name: str) -> None:
    preset = load_preset(name)
    assert {g.id: limits(g.gate) for g in preset.gates} == CONTENTS[name]


def test_the_built_in_ones() -> None:
    assert set(preset_names()) == {
        "gopher@rpv2", "c4@tfds", "starcoder", "books", "papers", "qa", "wiki", "law", "web",
        "code", "default", "gopher@datatrove", "c4@datatrove", "fineweb",
        "gopher@dolma", "gopher@dolma_v2", "gopher@dclm", "refinedweb@dclm",
        "opencoder", "math", "pdf",
    }  # fmt: skip


@pytest.mark.parametrize("name", preset_names())
def test_presets_name_signals_of_the_catalogue(name: str) -> None:
    catalogue = {s.name for s in SIGNALS}
    preset = load_preset(name)
    assert preset.gates
    assert {g.signal for g in preset.gates} <= catalogue
    assert {c.signal for c in SCORES[preset.score_kind]} <= catalogue
    assert preset.about


@pytest.mark.parametrize("name", preset_names())
def test_presets_pass_the_checks_of_recipes(name: str) -> None:
    gates = {
        g.id: g.gate.model_dump(by_alias=True, exclude_unset=True) for g in load_preset(name).gates
    }
    faults = Faults(Positions())
    check_rules(recipe_of({"web": {"gates": gates}}), faults)
    assert faults.errors == []
    assert faults.warnings == []


@pytest.mark.parametrize("name", preset_names())
def test_every_number_of_a_preset_names_its_source(name: str) -> None:
    text = (files("mixcore.recipe") / "presets" / f"{name}.yaml").read_text()
    for line in text.splitlines():
        if line.startswith("  ") and "{" in line:
            assert ": {" in line.split("#")[0]
            assert "#" in line, line


@pytest.mark.parametrize("name", ["books", "wiki", "law"])
def test_no_upper_limit_on_length(name: str) -> None:
    for gate in load_preset(name).gates:
        if gate.signal in {"n_words", "n_norm_words", "n_chars", "n_bytes", "n_lines"}:
            assert gate.gate.max is None


@pytest.mark.parametrize("name", ["code", "starcoder", "papers", "qa"])
def test_rules_that_would_misjudge_a_kind_of_text_are_off(name: str) -> None:
    signals = {g.signal.split("@")[0] for g in load_preset(name).gates}
    assert not signals & {"n_curly_open", "n_javascript_lines", "stopword_frac", "n_stopword_kinds"}
    if name in {"code", "starcoder"}:
        assert not any(s.startswith(("dup_", "top_ngram", "word_rep")) for s in signals)


# ---- which rules hold ---------------------------------------------------------------------------

NAMED = [
    # (rules section, source's own name, source's choice) -> name in force
    ({}, "web", None, "web"),
    ({}, "blogs", None, "default"),
    ({}, "code", None, "code"),
    ({}, "blogs", "wiki", "wiki"),
    ({}, "blogs", "gopher@rpv2", "gopher@rpv2"),
    ({}, "blogs", "none", "none"),
    ({"blogs": {}}, "blogs", None, "blogs"),
    ({"web": {"gates": {"n_words": {"min": 1}}}}, "web", None, "web"),
    ({"web": "none"}, "web", None, "none"),
    ("none", "web", None, "none"),
    ("none", "web", "wiki", "none"),
]


@pytest.mark.parametrize(("rules", "source", "choice", "name"), NAMED)
def test_which_rules_hold(rules: object, source: str, choice: str | None, name: str) -> None:
    resolved = resolve_rules(
        recipe_of(rules, **{source: {"path": "a.jsonl", "rules": choice}}), source
    )
    assert resolved.name == name
    if name == "none":
        assert resolved == ResolvedRules("none", (), (), 0.0)


def test_own_rules_of_a_built_in_name_replace_it() -> None:
    resolved = resolve_rules(recipe_of({"web": {"gates": {"n_words": {"min": 1}}}}), "web")
    assert gates_of(resolved) == {"n_words": {"min": 1}}


# ---- how gates lie on top -----------------------------------------------------------------------

OVERRIDES = [
    ("n_words", "n_words", True),
    ("symbol_word_ratio", "symbol_word_ratio@rpv2", True),
    ("symbol_word_ratio@rpv2", "symbol_word_ratio@rpv2", True),
    ("symbol_word_ratio@rpv2", "symbol_word_ratio", False),
    ("symbol_word_ratio@dclm", "symbol_word_ratio@rpv2", False),
    ("n_word", "n_words", False),
]


@pytest.mark.parametrize(("name", "gate", "expected"), OVERRIDES)
def test_overrides(name: str, gate: str, *, expected: bool) -> None:
    assert overrides(name, gate) is expected


def test_a_gate_replaces_every_variant_and_keeps_its_place() -> None:
    resolved = resolve_rules(
        recipe_of(
            {
                "web": {
                    "preset": "gopher@rpv2",
                    "gates": {
                        "symbol_word_ratio": {"max": 0.5},
                        "alpha_word_frac@rpv2": "none",
                        "n_norm_words": {"min": 5},
                        "n_lorem": {"max": 0},
                    },
                }
            }
        ),
        "web",
    )
    ids = [g.id for g in resolved.gates]
    assert ids[:3] == ["n_norm_words", "mean_norm_word_length@rpv2", "symbol_word_ratio"]
    assert ids[-1] == "n_lorem"
    assert "alpha_word_frac@rpv2" not in ids
    assert len(ids) == len(GOPHER)  # one gone, one new
    by_id = {g.id: g for g in resolved.gates}
    assert by_id["n_norm_words"].gate == Gate(min=5)  # replaced, not merged: no max
    assert by_id["n_norm_words"].origin == "rules.web"
    assert by_id["top_ngram_chars_2@rpv2"].origin == "preset gopher@rpv2"


def test_a_later_preset_replaces_gates_of_the_same_name() -> None:
    resolved = resolve_rules(recipe_of({"web": {"preset": ["papers", "qa"]}}), "web")
    gates = gates_of(resolved)
    assert gates["n_words"] == {"min": 100}
    assert list(gates) == [
        "n_words", "alnum_frac", "mean_line_length", "word_rep_ngram_10", "n_ocr_letter_runs",
        "max_line_length",
    ]  # fmt: skip


SCORE_OF = [
    ({}, "web", "text"),
    ({}, "code", "code"),
    ({"web": {"preset": "starcoder"}}, "web", "code"),
    ({"web": {"preset": ["starcoder", "wiki"]}}, "web", "text"),
    ({"code": {"gates": {"n_words": {"min": 1}}}}, "code", "code"),
    ({"web": {"gates": {"n_words": {"min": 1}}}}, "web", "text"),
]


@pytest.mark.parametrize(("rules", "source", "kind"), SCORE_OF)
def test_default_score_by_kind_of_source(rules: object, source: str, kind: str) -> None:
    resolved = resolve_rules(recipe_of(rules, **{source: {"path": "a.jsonl"}}), source)
    assert resolved.score == SCORES[kind]  # type: ignore[index]


def test_own_score_and_cut() -> None:
    rules = {"web": {"score": [{"signal": "n_words", "weight": 3}], "drop_lowest": 0.25}}
    resolved = resolve_rules(recipe_of(rules), "web")
    assert [(c.signal, c.weight, c.better) for c in resolved.score] == [("n_words", 3, "high")]
    assert resolved.drop_lowest == 0.25
    assert signals_used(resolved) == ("n_words",)


def test_no_more_gates_than_bits() -> None:
    names = [n for n in GATE_SIGNALS if n != "language_confidence"]
    gates = {n: {"min": 0, "on_missing": "keep"} for n in names[: MAX_GATES + 1]}
    faults = Faults(Positions())
    check_rules(recipe_of({"web": {"gates": gates}}), faults)
    (error,) = faults.errors
    assert "65 gates; a rule set has at most 64" in str(error)


LANGUAGE_WARNINGS = [
    ("{in: [en]}", "books", "all of it is `und`"),
    ("{in: [en, und]}", "books", None),
    ("{in: [en]}", "web", None),
]


@pytest.mark.parametrize(("gate", "source", "fragment"), LANGUAGE_WARNINGS)
def test_a_language_gate_on_a_source_without_language(
    gate: str, source: str, fragment: str | None
) -> None:
    text = (
        "version: 1\noutput: {path: o}\n"
        "sources:\n  web: {path: w.jsonl, language: en}\n  books: {path: b.jsonl}\n"
        f"rules: {{{source}: {{gates: {{language: {gate}}}}}}}\n"
    )
    warnings = load_text(text).warnings
    assert [fragment in w for w in warnings if fragment] == ([True] if fragment else [])


def test_unused_rules_are_told() -> None:
    text = (
        "version: 1\noutput: {path: o}\nsources: {w: {path: w.jsonl}}\n"
        "rules: {webb: {preset: web}}\n"
    )
    (warning,) = load_text(text).warnings
    assert "no source uses these rules" in warning


def test_a_user_rule_set_is_no_preset() -> None:
    text = (
        "version: 1\noutput: {path: o}\nsources: {w: {path: w.jsonl, rules: b}}\n"
        "rules: {a: {preset: web}, b: {preset: a}}\n"
    )
    with pytest.raises(RecipeErrors, match="unknown preset 'a'"):
        load_text(text)


GROUPS_OF = [
    ({}, ()),
    ({"web": {"preset": "gopher@datatrove"}}, ("datatrove",)),
    ({"web": {"preset": "gopher@datatrove", "gates": {"n_words": {"min": 1}}}}, ("datatrove",)),
    ({"web": {"gates": {"hash_word_ratio@datatrove": {"max": 0.1}}}}, ("datatrove",)),
    ({"web": {"score": [{"signal": "hash_word_ratio@datatrove"}]}}, ("datatrove",)),
    ({"other": {"preset": "gopher@datatrove"}}, ()),
]


@pytest.mark.parametrize(("rules", "groups"), GROUPS_OF)
def test_groups_of_signals_a_source_needs(rules: object, groups: tuple[str, ...]) -> None:
    assert signal_groups(recipe_of(rules), "web") == groups


def test_default_rules_need_no_signals_on_demand() -> None:
    for name in ("default", "web", "books", "papers", "code", "qa", "wiki", "law", "math", "pdf"):
        assert signal_groups(recipe_of({}, **{name: {"path": "a.jsonl"}}), name) == ()
