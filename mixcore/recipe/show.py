"""What a recipe means in the end, for `mixcore check`: every default, gate, band and share."""

from __future__ import annotations

import io
import math
from typing import Any

from ruamel.yaml import YAML

from mixcore.recipe.columns import declared_columns, domain_sources
from mixcore.recipe.loader import LoadedRecipe
from mixcore.recipe.models import Domain, Mix, Near, Recipe
from mixcore.recipe.near_presets import NEAR_PRESETS
from mixcore.recipe.rules import ResolvedGate, limits, resolve_rules, rules_data
from mixcore.text.bands import plan_bands
from mixcore.text.shingling import Shingling

_WIDTH = 4096
"""Of YAML lines: long paths and conditions are not folded."""
S_CURVE_AT = tuple(round(0.05 * i, 2) for i in range(1, 21))
"""Jaccard similarities at which the chance of being compared is shown."""
_CURVE_COLUMNS = 10
_SIGNS = {"min": ">=", "above": ">", "max": "<=", "below": "<"}


def check_data(loaded: LoadedRecipe) -> dict[str, Any]:
    """What `mixcore check --json` prints.

    Returns:
        JSON values: `path`, `sha256`, `warnings`, `recipe` (all defaults), `declared_columns`,
        `rules` by source (gates with origins, score), `dedup` (bands, rows, recall; None if off),
        `shares` (by leaf path, see `mix_shares`; None without a mix).
    """
    recipe = loaded.recipe
    return {
        "path": str(loaded.path),
        "sha256": loaded.sha256,
        "warnings": list(loaded.warnings),
        "recipe": recipe_data(recipe),
        "declared_columns": list(declared_columns(recipe)),
        "rules": {s: rules_data(resolve_rules(recipe, s)) for s in recipe.sources},
        "dedup": bands_data(recipe),
        "shares": None if recipe.mix is None else mix_shares(recipe, recipe.mix),
    }


def recipe_data(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default, as YAML values in the order of the models.

    Loading it again gives the same recipe.
    """
    data = recipe.model_dump(mode="json", by_alias=True, exclude_none=True)
    shown: dict[str, Any] = _whole_numbers(data)
    return shown


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _whole_numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def bands_data(recipe: Recipe) -> dict[str, Any] | None:
    """Bands and rows, and the share of pairs they find by Jaccard; None without near dedup.

    Returns:
        `preset` (None: none named), `shingle` (as `shingle_text`), `bands`, `rows`, `is_derived`,
        `min_jaccard`, `recall` (at it), `s_curve` (pairs of Jaccard and share found, 0.05 to 1).
    """
    if recipe.dedup == "none" or not isinstance(recipe.dedup.near, Near):
        return None
    near = recipe.dedup.near
    plan = plan_bands(near.min_jaccard, near.min_recall, near.bands, near.rows)
    return {
        "preset": near.preset,
        "shingle": shingle_text(near.shingle.cut),
        "bands": plan.bands,
        "rows": plan.rows,
        "is_derived": near.bands is None,
        "min_jaccard": near.min_jaccard,
        "recall": round(plan.recall(near.min_jaccard), 6),
        "s_curve": [[j, round(plan.recall(j), 6)] for j in S_CURVE_AT],
    }


def shingle_text(how: int | Shingling) -> str:
    """A way to cut shingles, for people.

    >>> shingle_text(5), shingle_text(Shingling("words", 5, (("cjk", 8), ("thai", 22))))
    ('5 words', '5 words, letters of cjk 8, thai 22')
    """
    if isinstance(how, int):
        return f"{how} words"
    unit = "characters" if how.unit == "chars" else how.unit
    letters = ", ".join(f"{script} {n}" for script, n in how.scripts)
    return f"{how.n} {unit}" + (f", letters of {letters}" if letters else "")


def mix_shares(recipe: Recipe, mix: Mix) -> list[dict[str, Any]]:
    """One row a leaf that the recipe names itself.

    Returns:
        `leaf`, `sources`, `amount` (as written, e.g. `weight 60`), `share_of_rest` (of what domains
        by weight share; None for others), `share` (of the whole; None where only data can tell),
        `tokens` (target, None likewise).
    """
    total = math.fsum(d.weight for d in mix.domains.values() if d.weight is not None)
    fixed = math.fsum(d.tokens for d in mix.domains.values() if d.tokens is not None)
    has_epochs = any(d.epochs is not None for d in mix.domains.values())
    budget = mix.budget.tokens if mix.budget is not None else None
    is_plain = fixed == 0 and not has_epochs
    out: list[dict[str, Any]] = []
    for name, domain in mix.domains.items():
        rest = domain.weight / total if domain.weight is not None else None
        share: float | None = None
        if rest is not None and is_plain:
            share = rest
        elif rest is not None and budget is not None and not has_epochs:
            share = rest * (budget - fixed) / budget
        elif domain.tokens is not None:
            whole = budget or (None if has_epochs else fixed)
            share = domain.tokens / whole if whole else None
        tokens = domain.tokens if domain.tokens is not None else (
            share * budget if share is not None and budget is not None else None)  # fmt: skip
        for leaf, part in _leaves(name, domain).items():
            out.append({
                "leaf": leaf,
                "sources": list(domain_sources(recipe, name, domain)),
                "amount": _amount(domain),
                "share_of_rest": None if rest is None else rest * part,
                "share": None if share is None else share * part,
                "tokens": None if tokens is None else round(tokens * part),
            })  # fmt: skip
    return out


def _leaves(name: str, domain: Domain) -> dict[str, float]:
    """Leaf paths with their part of the domain; one row where only the data names the leaves."""
    divide = domain.divide
    if divide is None:
        return {name: 1.0}
    if divide.weights is None:
        return {f"{name}/{{{divide.by}}}": 1.0}
    total = math.fsum(divide.weights.values())
    return {f"{name}/{value}": w / total for value, w in divide.weights.items()}


def _amount(domain: Domain) -> str:
    for unit in ("weight", "epochs", "tokens"):
        value = getattr(domain, unit)
        if value is not None:
            return f"{unit} {value:,.10g}"
    return ""


# ---- as text ----------------------------------------------------------------------------------


def render_check(loaded: LoadedRecipe) -> str:
    """The resolved recipe as YAML, followed by what is derived from it as comments.

    The text is a recipe itself: loading it gives the same recipe.
    """
    recipe = loaded.recipe
    parts = [
        f"# {loaded.path}, resolved: every default filled in. sha256 {loaded.sha256}",
        _yaml(recipe_data(recipe)),
        *_rules_lines(recipe),
        *_dedup_lines(recipe),
        *_mix_lines(recipe),
    ]
    columns = declared_columns(recipe)
    parts += ["#", "# columns declared by sources: " + (", ".join(columns) or "none")]
    parts += ["#", f"# warnings: {len(loaded.warnings) or 'none'}"]
    parts += [f"#   {line}" for w in loaded.warnings for line in w.splitlines()]
    return "\n".join(parts) + "\n"


def _yaml(data: dict[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _WIDTH
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue().rstrip("\n")


def _rules_lines(recipe: Recipe) -> list[str]:
    by_rules: dict[str, list[str]] = {}
    for source in recipe.sources:
        rules = resolve_rules(recipe, source)
        by_rules.setdefault("\n".join(_rule_lines(recipe, source, rules.name)), []).append(source)
    out: list[str] = []
    for text, sources in by_rules.items():
        out += ["#", f"# rules of {', '.join(sources)}: " + text]
    return out


def _rule_lines(recipe: Recipe, source: str, name: str) -> list[str]:
    rules = resolve_rules(recipe, source)
    if not rules.gates and not rules.score:
        return [f"{name} (every document passes, no score)"]
    lines = [f"{name}, {len(rules.gates)} gates"]
    lines += [f"#   {g.id:<28} {_limit(g):<28} {g.origin}" for g in rules.gates]
    total = math.fsum(c.weight for c in rules.score)
    lines += [
        f"#   score: {c.weight / total:.1%} {c.signal} (better: {c.better})" for c in rules.score
    ]
    if rules.drop_lowest:
        lines.append(
            f"#   drops the lowest {rules.drop_lowest:.1%} of tokens by source and language"
        )
    return lines


def _limit(gate: ResolvedGate) -> str:
    parts = []
    for key, value in limits(gate.gate).items():
        if key == "in":
            parts.append("in " + ", ".join(value))
        else:
            parts.append(f"{_SIGNS[key]} {value:.10g}")
    if gate.gate.action == "flag":
        parts.append("(flag only)")
    if "on_missing" in gate.gate.model_fields_set:
        parts.append(f"(missing: {gate.gate.on_missing})")
    return " ".join(parts)


def _dedup_lines(recipe: Recipe) -> list[str]:
    if recipe.dedup == "none":
        return ["#", "# dedup: none, duplicates stay in"]
    bands = bands_data(recipe)
    if bands is None:
        return ["#", "# dedup: exact only"]
    preset = bands["preset"]
    origin = "derived" if bands["is_derived"] else f"preset {preset}" if preset else "given"
    plan = f"{bands['bands']} bands x {bands['rows']} rows ({origin})"
    found = f"{bands['recall']:.2%} of the pairs at Jaccard {bands['min_jaccard']:g}, more above"
    lines = ["#", f"# dedup: {plan} find {found}"]
    if preset:
        lines.append(f"#   {preset}: {NEAR_PRESETS[preset].origin}")
    lines.append(f"#   shingles of {bands['shingle']}; share of pairs compared, by Jaccard:")
    curve = bands["s_curve"]
    for start in range(0, len(curve), _CURVE_COLUMNS):
        row = curve[start : start + _CURVE_COLUMNS]
        lines.append("#   Jaccard " + "".join(f"{j:>8.2f}" for j, _ in row))
        lines.append("#   compared" + "".join(f"{_share(p):>8}" for _, p in row))
    return lines


def _share(p: float) -> str:
    """A probability in percent, cut to two decimals: 0.99996 is not shown as 100."""
    return f"{math.floor(p * 10_000) / 100:.2f}%"


def _mix_lines(recipe: Recipe) -> list[str]:
    if recipe.mix is None:
        return ["#", "# mix: none, everything that survives is delivered once"]
    lines = ["#", "# mix:"]
    for row in mix_shares(recipe, recipe.mix):
        if row["share"] is not None:
            share = f"{row['share']:8.3%} of the whole"
        elif row["share_of_rest"] is not None:
            share = f"{row['share_of_rest']:8.3%} of what epochs and tokens leave"
        else:
            share = "         as the data has it"
        tokens = "" if row["tokens"] is None else f", {row['tokens']:,} tokens"
        lines.append(f"#   {row['leaf']:<28} {row['amount']:<18} {share}{tokens}")
    return lines
