"""The stage `profile`: documents -> signals, one unit for each batch that ingest took in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mixcore.profile.transform import profile
from mixcore.recipe.models import NONE
from mixcore.recipe.rules import signal_groups
from mixcore.runtime.errors import RecipeError
from mixcore.runtime.keys import sha256
from mixcore.runtime.stage import Run, Stage, Unit
from mixcore.runtime.tables import DOCUMENTS, SIGNALS_TABLE, Table
from mixcore.text.bands import NO_BANDS, BandPlan, plan_bands
from mixcore.text.profile_batch import ProfileSpec
from mixcore.text.signals import SIGNALS
from mixcore.text.tokens import read_tokenizer, tokenizer_fingerprint

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from mixcore.recipe.models import Near, Recipe


def _plan_of(near: Near) -> BandPlan:
    try:
        return plan_bands(near.min_jaccard, near.min_recall, near.bands, near.rows)
    except ValueError as error:
        raise RecipeError(
            str(error),
            where="dedup.near",
            value={"min_jaccard": near.min_jaccard, "min_recall": near.min_recall},
            fix="lower min_recall, raise min_jaccard, or give both bands and rows",
        ) from error


def profile_spec(recipe: Recipe) -> ProfileSpec:
    """What the recipe wants computed of each document.

    Raises:
        RecipeError: Unknown tokenizer, or no bands that meet `min_recall`.
    """
    tokenizer = recipe.tokens.tokenizer
    try:
        content = read_tokenizer(tokenizer)
    except ValueError as error:
        raise RecipeError(
            str(error),
            where="tokens.tokenizer",
            value=tokenizer,
            fix="name a built-in counter or the path of a tokenizer.json that the driver can read",
        ) from error
    groups = tuple((s, g) for s in sorted(recipe.sources) if (g := signal_groups(recipe, s)))
    dedup = recipe.dedup
    if dedup == NONE:
        return ProfileSpec(tokenizer, content, exact_ignore=None, groups=groups)
    near = dedup.near
    return ProfileSpec(
        tokenizer,
        content,
        shingle_words=ProfileSpec.shingle_words if near == NONE else near.shingle.cut,
        plan=NO_BANDS if near == NONE else _plan_of(near),
        exact_ignore=None if dedup.exact == NONE else tuple(sorted(set(dedup.exact.ignore))),
        groups=groups,
    )


def params(recipe: Recipe, spec: ProfileSpec, source: str) -> dict[str, Any]:
    """What the rows of a unit of `source` depend on beside its documents; part of its key."""
    built_in = spec.tokenizer_content is None
    return {
        "tokenizer": spec.tokenizer if built_in else "tokenizer.json",
        "fingerprint": tokenizer_fingerprint(spec.tokenizer),
        "shingle_words": spec.shingle_words if spec.plan.bands else None,
        "bands": spec.plan.bands,
        "rows": spec.plan.rows,
        "exact_ignore": spec.exact_ignore,
        "language": list(recipe.language.order),
        "signals": sha256([(s.name, s.dtype) for s in SIGNALS]),
        "signal_groups": spec.groups_of(source),
    }


def plan(run: Run) -> list[Unit]:
    """One unit an ingest unit, under the same label. Reads a `tokenizer.json`, no data."""
    spec = profile_spec(run.recipe)
    return [
        Unit(
            key=STAGE.key(params(run.recipe, spec, str(unit.source)), [unit.key]),
            label=unit.label,
            source=unit.source,
            reads=(unit.key,),
        )
        for unit in run.units["ingest"]
    ]


def build(run: Run, missing: list[Unit]) -> Iterator[tuple[Table, DataFrame]]:
    """The `signals` rows of the missing units, in one pass over their documents."""
    keys = {unit.reads[0]: unit.key for unit in missing}
    documents = run.pool.read(DOCUMENTS, list(keys))
    yield SIGNALS_TABLE, profile(documents, profile_spec(run.recipe), keys)


STAGE = Stage(name="profile", version=1, tables=(SIGNALS_TABLE,), plan=plan, build=build)
