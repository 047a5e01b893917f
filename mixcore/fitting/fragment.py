"""A fit as part of a recipe: weights in YAML, their provenance above them in comments.

Weights hold for the tokenizer and the data they were fitted on (DoReMi's for Pile-CC are .14 with
one tokenizer and .61 with another), so both are named. Provenance stands in comments that are YAML
themselves: it can be read by a program, and it never enters a recipe's hash, date included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mixcore import __version__
from mixcore.fitting.fit import Fit
from mixcore.runtime.errors import RecipeError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_METHODS = {
    "loglinear": "log-linear law (variable projection)",
    "lightgbm": "LightGBM, mean of the best draws (RegMix)",
}
OTHER_METHODS = ("proportional", "temperature", "unimax")
"""Of `divide`; taken back where the fit gives weights, since a domain is divided one way."""


def provenance(
    fit: Fit, *, date: str, tokenizer: str | None = None, proxy: str | None = None
) -> dict[str, Any]:
    """Where weights come from: JSON values, in the order shown.

    Args:
        fit: The fit.
        date: Of the fit, as it shall be shown; decides nothing.
        tokenizer: That the runs counted tokens with.
        proxy: The runs' models, e.g. `1M parameters, 1B tokens`.
    """
    plan = fit.plan
    return {
        "method": _METHODS[plan.method],
        "target": {name: round(weight, 6) for name, weight in fit.target.items()},
        "kl": plan.kl if plan.method == "loglinear" else None,
        "budget": plan.budget,
        "max_epochs": plan.max_epochs if plan.budget is not None else None,
        "seed": plan.seed,
        "runs": fit.n_runs,
        "data": f"sha256:{fit.fingerprint}",
        "proxy": proxy,
        "tokenizer": tokenizer,
        "date": date,
        "mixcore": __version__,
        "predicted_loss": round(fit.loss, 6),
        "gain": {gain.over: round(gain.gain, 6) for gain in fit.gains},
        "leave_out_spearman": None if fit.spearman["target"] is None
        else round(fit.spearman["target"], 4),
        "outside_the_swarm": round(fit.outside, 4),
        "warnings": list(fit.warnings),
    }  # fmt: skip


def fragment(fit: Fit, origin: Mapping[str, Any], extends: str | None = None) -> str:
    """The recipe fragment: weights in percent, to two decimals.

    Args:
        fit: The fit; a domain `web/en` becomes a weight of `web`'s `divide`.
        origin: From `provenance`.
        extends: A recipe that the fragment is laid over: together they are a whole recipe.

    Raises:
        RecipeError: A domain's name cannot be one of a recipe.
    """
    use = "over the recipe it extends" if extends else "for a recipe that says `extends:` it"
    lines = [f"# Weights from proxy runs, in percent, {use}.", "# provenance:"]
    lines += [
        f"#   {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in origin.items()
    ]
    if extends is not None:
        lines.append(f"extends: {json.dumps(extends, ensure_ascii=False)}")
    lines += ["mix:", "  domains:"]
    about = {d.name: d for d in fit.domains}
    for name, leaves in _tree(fit).items():
        if leaves is None:
            found = about[name]
            note = "" if found.low is None else f"   # 90 %: {found.low:.2%} .. {found.high:.2%}"
            lines.append(f"    {name}: {{weight: {_percent(found.share)}}}{note}")
            continue
        total = sum(leaves.values())
        weights = ", ".join(f"{json.dumps(leaf)}: {_percent(w)}" for leaf, w in leaves.items())
        others = ", ".join(f"{method}: null" for method in OTHER_METHODS)
        lines += [
            f"    {name}:",
            f"      weight: {_percent(total)}",
            # An all-zero division would be refused; without weight it is not needed.
            *([f"      divide: {{weights: {{{weights}}}, {others}}}"] if total else []),
        ]
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".")


def _tree(fit: Fit) -> dict[str, dict[str, float] | None]:
    """Domains with their leaves; None for a domain that is a leaf itself."""
    out: dict[str, dict[str, float] | None] = {}
    for domain in fit.domains:
        name, slash, leaf = domain.name.partition("/")
        if not _NAME.fullmatch(name) or "/" in leaf or (slash and not leaf):
            raise RecipeError(
                "this column cannot be a domain of a recipe", where="ratios", value=domain.name,
                fix="letters, digits, `_`, `.` and `-`; `web/en` for a value of web's `divide`",
            )  # fmt: skip
        below = out.setdefault(name, {} if leaf else None)
        if (below is None) != (not leaf) or (below is not None and leaf in below):
            raise RecipeError(
                f"the domain {name!r} is a column and has columns below it", where="ratios",
                value=domain.name, fix="keep the one or the others",
            )  # fmt: skip
        if below is not None:
            below[leaf] = domain.share
    return out
