"""Who can be chosen: survivors with their domain, leaf and size. Shared with publish.

Everything is lazy: `mix` and `publish` derive the same columns from the same narrow tables.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

from mixcore.recipe.columns import EVERYWHERE, domain_sources
from mixcore.recipe.conditions import parse_condition
from mixcore.runtime.conditions import to_column
from mixcore.runtime.tables import DOCUMENTS, DUPLICATES, SCORES

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from mixcore.recipe.models import Divide, Domain, Recipe
    from mixcore.runtime.stage import Run

Unit = Literal["tokens", "bytes", "documents"]
MISSING_VALUE = "null"
"""How a missing value of a `divide` column is called in weights and in leaf paths."""


def budget_unit(recipe: Recipe) -> Unit:
    """What the mix is counted in. A `fraction` is one of tokens."""
    budget = recipe.mix.budget if recipe.mix else None
    if budget is not None and budget.bytes:
        return "bytes"
    return "documents" if budget is not None and budget.documents else "tokens"


def used_columns(recipe: Recipe) -> tuple[str, ...]:
    """Declared columns that decide about domains, sorted."""
    names: set[str] = set()
    for domain in (recipe.mix.domains if recipe.mix else {}).values():
        if domain.where is not None:
            names |= set(parse_condition(domain.where).columns())
        if domain.divide is not None:
            names.add(domain.divide.by)
    return tuple(sorted(names - set(EVERYWHERE)))


def reads_documents(recipe: Recipe) -> bool:
    """Whether the mix looks at columns that only `documents` has."""
    return bool(used_columns(recipe)) or budget_unit(recipe) == "bytes"


def declared(documents: DataFrame, names: tuple[str, ...]) -> list[Column]:
    """The declared columns `names` of a pool's documents; null where the pool has none yet."""
    return [
        F.col(n) if n in documents.columns else F.lit(None).cast("string").alias(n) for n in names
    ]


def verdicts(run: Run) -> DataFrame:
    """Every scored document.

    Returns:
        doc_id, source, language, n_tokens, score, score_bucket, drop_gate, drop_value, drop_limit.
    """
    return run.read(SCORES, "score").select(
        "doc_id", "source", "language", "n_tokens", "score", "score_bucket",
        "drop_gate", "drop_value", "drop_limit",
    )  # fmt: skip


def with_duplicates(run: Run, rows: DataFrame) -> DataFrame:
    """Add what deduplication decided to rows with a `doc_id`.

    Joined to the rows one table after the other: a join of joins would look too large to Spark
    for a broadcast, however small its tables are.

    Returns:
        The rows with kept_doc_id, kept_in, kind, jaccard, is_removed (never null), cluster_id (its
        own id where it has no duplicates).
    """
    duplicates = run.read(DUPLICATES, "resolve").select(
        "doc_id", "kept_doc_id", "kept_in", "kind", "jaccard",
        F.col("is_removed").alias("_removed"), F.col("cluster_id").alias("_cluster"),
    )  # fmt: skip
    return (
        rows.join(duplicates, "doc_id", "left")
        .withColumn("is_removed", F.coalesce("_removed", F.lit(False)))
        .withColumn("cluster_id", F.coalesce("_cluster", "doc_id"))
        .drop("_removed", "_cluster")
    )


def survives() -> Column:
    """Whether a judged document passed its gates and is no removed duplicate."""
    return F.col("drop_gate").isNull() & ~F.col("is_removed")


def candidates(run: Run) -> DataFrame:
    """Every survivor, with where it belongs.

    Returns:
        doc_id, source, language, n_tokens, score_bucket, cluster_id, domain, stratum (leaf path;
        null: in no domain), overlap (null, or the names of several domains), units BIGINT.
    """
    recipe = run.recipe
    rows = with_duplicates(run, verdicts(run)).where(survives())
    if reads_documents(recipe):
        documents = run.read(DOCUMENTS, "ingest")
        narrow = documents.select("doc_id", "n_bytes", *declared(documents, used_columns(recipe)))
        rows = rows.join(narrow, "doc_id")
    return rows.select(
        "doc_id", "source", "language", "n_tokens", "score_bucket", "cluster_id",
        *membership(recipe),
        _size(budget_unit(recipe)).cast("long").alias("units"),
    )  # fmt: skip


def _size(unit: Unit) -> Column:
    if unit == "documents":
        return F.lit(1)
    return F.col("n_tokens" if unit == "tokens" else "n_bytes")


# ---- domains ----------------------------------------------------------------------------------


def membership(recipe: Recipe) -> list[Column]:
    """`domain`, `stratum` and `overlap` of a document with source, language, declared columns."""
    if recipe.mix is None:
        source = F.col("source")
        nothing = F.lit(None).cast("string")
        return [source.alias("domain"), source.alias("stratum"), nothing.alias("overlap")]
    domains = recipe.mix.domains
    inside = {name: _is_in(recipe, name, domain) for name, domain in domains.items()}
    domain = F.coalesce(*[F.when(test, F.lit(name)) for name, test in inside.items()])
    stratum = F.coalesce(
        *[F.when(test, _leaf(name, domains[name].divide)) for name, test in inside.items()]
    )
    return [domain.alias("domain"), stratum.alias("stratum"), _overlap(inside).alias("overlap")]


def _is_in(recipe: Recipe, name: str, domain: Domain) -> Column:
    sources = domain_sources(recipe, name, domain)
    inside = F.col("source").isin(*sources)
    if domain.where is not None:
        inside = inside & to_column(parse_condition(domain.where))
    return F.coalesce(inside, F.lit(False))


def _leaf(name: str, divide: Divide | None) -> Column:
    """Leaf path; null for a value that the weights do not list."""
    if divide is None:
        return F.lit(name)
    value = F.coalesce(F.col(divide.by).cast("string"), F.lit(MISSING_VALUE))
    path = F.concat(F.lit(f"{name}/"), value)
    if divide.weights is None:
        return path
    return F.when(value.isin(*divide.weights), path)


def _overlap(inside: dict[str, Column]) -> Column:
    """Names of the domains of a document in several, else null."""
    if len(inside) < 2:
        return F.lit(None).cast("string")
    count = reduce(lambda a, b: a + b, [test.cast("int") for test in inside.values()])
    names = F.concat_ws(", ", *[F.when(test, F.lit(name)) for name, test in inside.items()])
    return F.when(count > 1, names)
