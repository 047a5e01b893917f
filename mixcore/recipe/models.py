"""What a user can ask for: strict, frozen models of the recipe file.

Shapes and ranges of single keys are checked here; what needs the whole recipe (names that must
exist elsewhere, sums, presets) is checked by `mixcore.recipe.loader`. No Spark import.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from mixcore.recipe.near_presets import NEAR_PRESETS, with_preset
from mixcore.recipe.number import as_number
from mixcore.text.shingling import Shingling, letters_for


def _as_tuple(value: Any) -> Any:
    """A single value stands for a list of one."""
    is_single = isinstance(value, str | int | float) and not isinstance(value, bool)
    return (value,) if is_single else value


Strings = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]),
]
Int = Annotated[int, BeforeValidator(as_number)]
Float = Annotated[float, BeforeValidator(as_number), Field(allow_inf_nan=False)]
Share = Annotated[Float, Field(ge=0.0, le=1.0)]
Positive = Annotated[Float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)]
NONE: Literal["none"] = "none"
"""The word that switches a gate, a rule set or deduplication off, visibly."""


class Model(BaseModel):
    """Base: unknown keys are refused, instances are immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, coerce_numbers_to_str=True
    )


# ---- where things are -------------------------------------------------------------------------


class Pool(Model):
    """The tables that many recipes share: documents, signals, scores, pairs, duplicates."""

    path: str


class Output(Model):
    """The tables that readers use: corpus, validation, dropped, mixture, runs, report."""

    path: str
    copies: Literal["rows", "column"] = "rows"
    shards: Annotated[Int, Field(ge=1, le=100_000)] = 64
    order: Literal["none", "position"] = "none"
    target_file_mb: Annotated[Int, Field(ge=1, le=4096)] = 256


class Tokens(Model):
    """How tokens are counted. Budgets and ratios are in this unit."""

    tokenizer: str = "bpe:cl100k_base"
    extra_per_document: Annotated[Int, Field(ge=0, le=16)] = 0


class Exclude(Model):
    """Files with one entry a line: what must not be delivered."""

    domains: str | None = None
    urls: str | None = None
    ids: str | None = None


SourceFormat = Literal["jsonl", "parquet", "delta", "files"]


class Source(Model):
    """One raw text source."""

    path: Strings
    format: SourceFormat | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    language: str | None = None
    where: str | None = None
    exclude: Exclude | None = None
    on_corrupt_file: Literal["fail", "quarantine"] = "fail"
    max_document_bytes: Annotated[Int, Field(ge=1, le=1_000_000_000)] = 20_000_000
    rules: str | None = None


class Language(Model):
    """Where a document's `language` comes from. A detector comes later."""

    order: tuple[Literal["column"], ...] = ("column",)


# ---- rules: decisions about one document ------------------------------------------------------


class Gate(Model):
    """Limits on one signal. `min`/`max` are inclusive, `above`/`below` exclusive."""

    min: Float | None = None
    max: Float | None = None
    above: Float | None = None
    below: Float | None = None
    allowed: Strings | None = Field(default=None, alias="in")
    on_missing: Literal["keep", "drop", "error"] = "error"
    action: Literal["drop", "flag"] = "drop"


class Component(Model):
    """One part of the score: a percentile of a signal within source and language."""

    signal: str
    weight: Positive = 1.0
    better: Literal["high", "low"] = "high"


class RuleSet(Model):
    """A named set of gates and a score, as the user writes it."""

    preset: Strings = ()
    gates: dict[str, Gate | Literal["none"]] = Field(default_factory=dict)
    score: tuple[Component, ...] | None = None
    drop_lowest: Annotated[Float, Field(ge=0.0, lt=1.0)] = 0.0


# ---- dedup ------------------------------------------------------------------------------------


class Exact(Model):
    """Equal texts after ignoring these differences; whitespace runs then count as one space."""

    ignore: tuple[Literal["whitespace", "case", "punctuation"], ...] = ("whitespace",)


_Letters = Annotated[Int, Field(ge=1, le=256)]


class Scripts(Model):
    """Scripts without spaces between words: letters a shingle; one left out is read as words."""

    cjk: _Letters | None = None
    thai: _Letters | None = None
    lao: _Letters | None = None
    khmer: _Letters | None = None
    myanmar: _Letters | None = None


class Shingle(Model):
    """The unit of Jaccard similarity: n consecutive words, or n consecutive characters."""

    words: Annotated[Int, Field(ge=1, le=64)] = 5
    chars: Annotated[Int, Field(ge=1, le=256)] | None = None
    """Instead of words."""
    scripts: Scripts | Literal["none", "all"] = "none"
    """With words: scripts read letter by letter; `all`: with numbers that fit `words`."""

    @model_validator(mode="after")
    def _one_unit(self) -> Shingle:
        if self.chars is not None and self.model_fields_set & {"words", "scripts"}:
            raise ValueError("`chars` stands alone: shingles are of characters or of words")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What counts: `chars`, or `words` and the `scripts` in use; so it can be read again."""
        data: dict[str, Any] = handler(self)
        if self.chars is not None:
            return {"chars": data["chars"]}
        return {k: data[k] for k in ("words", "scripts") if data[k] != NONE}

    @property
    def cut(self) -> int | Shingling:
        """How kernels cut texts; a plain number for words alone."""
        if self.chars is not None:
            return Shingling("chars", self.chars)
        if self.scripts == "none":
            return self.words
        letters: dict[str, int] = (
            letters_for(self.words)
            if self.scripts == "all"
            else self.scripts.model_dump(exclude_none=True)
        )
        if not letters:
            return self.words
        return Shingling("words", self.words, tuple(sorted(letters.items())))


class Near(Model):
    """Near duplicates: verified Jaccard, with a chosen share of true pairs found."""

    preset: Literal[tuple(NEAR_PRESETS)] | None = None  # type: ignore[valid-type]
    min_jaccard: Annotated[Float, Field(gt=0.0, le=1.0)] = 0.8
    min_recall: Annotated[Float, Field(gt=0.0, lt=1.0)] = 0.99
    shingle: Shingle = Shingle()
    bands: Annotated[Int, Field(ge=1, le=1024)] | None = None
    rows: Annotated[Int, Field(ge=1, le=128)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        is_named = isinstance(data, dict) and isinstance(data.get("preset"), str)
        return with_preset(data) if is_named else data


def _near_by_name(value: Any) -> Any:
    """The name of a preset stands for a map with it."""
    return {"preset": value} if isinstance(value, str) and value in NEAR_PRESETS else value


_NearOrName = Annotated[
    Near | Literal["none"],
    BeforeValidator(
        _near_by_name,
        json_schema_input_type=Near | Literal[("none", *NEAR_PRESETS)],
    ),
]


class Within(Model):
    """Duplicates are looked for only among documents that agree in these columns."""

    within: Annotated[Strings, Field(min_length=1)]


class Preference(Model):
    """One step of who survives; `order` is a list of values, best first, or one of the words."""

    by: str
    order: Literal["high", "low", "newest", "oldest", "longest", "shortest"] | tuple[str, ...]


class Dedup(Model):
    """What counts as a duplicate and who survives."""

    exact: Exact | Literal["none"] = Exact()
    near: _NearOrName = Near()
    scope: Literal["all"] | Within = "all"
    prefer: tuple[Preference, ...] = (Preference(by="score_bucket", order="high"),)
    protect: Strings = ()


# ---- mix --------------------------------------------------------------------------------------


class Validation(Model):
    """Whole near-duplicate clusters held out, never in the corpus."""

    fraction: Annotated[Float, Field(gt=0.0, lt=1.0)]
    max_tokens_per_domain: Positive | None = None


class Budget(Model):
    """How much to deliver: exactly one unit."""

    tokens: Positive | None = None
    bytes: Positive | None = None
    documents: Positive | None = None
    fraction: Annotated[Float, Field(gt=0.0)] | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Budget:
        given = [n for n in ("tokens", "bytes", "documents", "fraction") if getattr(self, n)]
        if len(given) != 1:
            raise ValueError(
                "a budget has exactly one of tokens | bytes | documents | fraction, found "
                + (", ".join(given) or "none")
            )
        return self


class Divide(Model):
    """How a domain's amount is split by the values of a column."""

    by: str
    weights: dict[str, Annotated[Float, Field(ge=0.0)]] | None = None
    temperature: Positive | None = None
    unimax: bool = False
    proportional: bool = False


class Domain(Model):
    """One part of the mix. Exactly one of weight | epochs | tokens."""

    weight: Annotated[Float, Field(ge=0.0)] | None = None
    epochs: Positive | None = None
    tokens: Positive | None = None
    max_epochs: Positive | None = None
    sources: Strings | None = None
    where: str | None = None
    divide: Divide | None = None


class Mix(Model):
    """The target mixture."""

    budget: Budget | None = None
    max_epochs: Positive = 1.0
    on_shortage: Literal["fail", "redistribute", "shrink"] = "fail"
    domains: Annotated[dict[Name, Domain], Field(min_length=1)]


# ---- limits -----------------------------------------------------------------------------------


class StopIf(Model):
    """Limits that fail a run with exit code 3. One number for all, or by source with `default`."""

    rejected_rows: dict[str, Share]
    removed_by_dedup: dict[str, Share]
    off_target: Share = 0.001

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        out = dict(data)
        for name, default in (("rejected_rows", 0.01), ("removed_by_dedup", 0.90)):
            value = out.get(name)
            if value is None:
                out[name] = {"default": default}
            elif isinstance(value, dict):
                out[name] = {"default": default, **value}
            else:
                out[name] = {"default": value}
        return out

    def limit(self, name: Literal["rejected_rows", "removed_by_dedup"], source: str) -> float:
        """The limit that holds for `source`."""
        limits: dict[str, float] = getattr(self, name)
        return limits.get(source, limits["default"])


class Recipe(Model):
    """The whole recipe, every default filled in except those that depend on other sections."""

    version: Annotated[Literal[1], BeforeValidator(as_number)]
    name: Name = "mix"
    seed: Annotated[Int, Field(ge=0, lt=2**63)] = 42
    pool: Pool
    output: Output
    tokens: Tokens = Tokens()
    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    language: Language = Language()
    rules: dict[Name, RuleSet | Literal["none"]] | Literal["none"] = Field(default_factory=dict)
    dedup: Dedup | Literal["none"] = Dedup()
    validation: Validation | None = None
    mix: Mix | None = None
    stop_if: StopIf = StopIf.model_validate({})

    @model_validator(mode="before")
    @classmethod
    def _pool_beside_output(cls, data: Any) -> Any:
        """`pool` defaults to OUTPUT/pool."""
        if isinstance(data, dict) and "pool" not in data:
            output = data.get("output")
            if isinstance(output, dict) and isinstance(output.get("path"), str):
                return {**data, "pool": {"path": f"{output['path'].rstrip('/')}/pool"}}
        return data
