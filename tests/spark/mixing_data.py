"""A small pool of judged documents, written as the earlier stages would."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from mixcore.mixing import stage as mixing
from mixcore.runtime.stage import OutputStage, Run, Unit, output_versions, run_output_stage
from mixcore.runtime.tables import DOCUMENTS, DUPLICATES, SCORES, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass
class Doc:
    """A document as the test says it; what it does not say is unremarkable."""

    id: int
    source: str = "web"
    tokens: int = 10
    language: str = "en"
    topic: str | None = None
    gate: tuple[str, str, str] | None = None
    """(drop_gate, drop_value, drop_limit)."""
    cluster: int | None = None
    kept: int | None = None
    """The survivor: this one is a removed duplicate."""
    kind: str = "near"

    @property
    def text(self) -> str:
        return f"text of {self.id} " + "x" * self.tokens


def doc_id(i: int, salt: str = "") -> int:
    """A content-like 64-bit id."""
    digest = hashlib.blake2b(f"{salt}{i}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def corpus(n: int, source: str, *, mean: int = 100, salt: str = "", seed: int = 1) -> list[Doc]:
    """`n` documents with log-normal lengths (a few are very long)."""
    rng = random.Random(f"{source}{salt}{seed}")
    return [
        Doc(doc_id(i, source + salt), source, 1 + int(rng.lognormvariate(0, 1.2) * mean))
        for i in range(n)
    ]


class FramePool:
    """A pool that holds frames."""

    def __init__(self, frames: dict[str, DataFrame]) -> None:
        self.frames = frames

    def read(self, table: Table, keys: list[str]) -> DataFrame:
        return self.frames[table.name]


def fill(
    run: Run,
    docs: Iterable[Doc],
    *,
    partitions: int = 2,
    shuffle: int | None = None,
    key: str = "k",
    delta: bool = False,
) -> Run:
    """Put `docs` into the pool under `key` and fake the units of the stages before.

    Unless `delta`, the pool is one of frames in memory: most tests are not about tables.
    """
    docs, frames = list(docs), {}
    if shuffle is not None:
        random.Random(shuffle).shuffle(docs)

    def write(table: Table, rows: list[tuple[Any, ...]], schema: str) -> None:
        df = run.spark.createDataFrame(rows, schema).repartition(partitions)
        names = [*table.column_names, *(c for c in df.columns if c not in table.column_names)]
        full = df.select(
            *[
                F.col(n) if n in df.columns else F.lit(None).cast(table.schema[n].dataType).alias(n)
                for n in names
            ]
        )
        if delta:
            run.pool.write(table, full, [key], {})
        else:
            frames[table.name] = full

    write(
        DOCUMENTS,
        [(key, d.id, d.source, f"n{d.id}", len(d.text), d.topic, d.text) for d in docs],
        "key STRING, doc_id LONG, source STRING, native_id STRING, n_bytes LONG, topic STRING,"
        " text STRING",
    )
    write(
        SCORES,
        [
            (key, d.id, d.source, d.language, d.tokens, *(d.gate or (None, None, None)), 0.5, 10)
            for d in docs
        ],
        "key STRING, doc_id LONG, source STRING, language STRING, n_tokens LONG, drop_gate STRING,"
        " drop_value STRING, drop_limit STRING, score DOUBLE, score_bucket INT",
    )
    write(
        DUPLICATES,
        [
            (key, d.id, d.kept, None if d.kept is None else d.kind,
             None if d.kept is None else 0.875, d.cluster, d.kept is not None)
            for d in docs
            if d.cluster is not None
        ],
        "key STRING, doc_id LONG, kept_doc_id LONG, kind STRING, jaccard DOUBLE, cluster_id LONG,"
        " is_removed BOOLEAN",
    )  # fmt: skip
    if not delta:
        run.pool = FramePool(frames)  # type: ignore[assignment]
    units = [Unit(key, "all/0")]
    run.units.update(ingest=units, score=units, resolve=units)
    return run


def go(run: Run, *stages: OutputStage) -> Run:
    """Run output stages as the pipeline does."""
    for stage in stages:
        run_output_stage(run, stage, output_versions(run, stage))
    return run


def chosen(run: Run) -> tuple[dict[int, tuple[str, int, int]], dict[str, Any]]:
    """What the mix stage would write: doc_id -> (domain, copies, n_tokens); cutoffs by domain."""
    written = mixing.STAGE.build(run)
    cutoffs = {r["domain"]: r for r in next(written)[1].collect()}
    picks = next(written)[1].collect()
    return {r["doc_id"]: (r["domain"], r["copies"], r["n_tokens"]) for r in picks}, cutoffs


def tokens(picks: dict[int, tuple[str, int, int]]) -> dict[str, int]:
    """Tokens chosen by domain, copies counted."""
    out: dict[str, int] = {}
    for domain, copies, n in picks.values():
        out[domain] = out.get(domain, 0) + copies * n
    return out


def rows(df: DataFrame) -> list[tuple[Any, ...]]:
    """All rows, sorted: small tables only."""
    return sorted((tuple(r) for r in df.collect()), key=repr)


SOURCES = {
    name: {"path": f"{name}/{{topic}}/*.jsonl", "columns": {"language": "lang"}}
    for name in ("web", "books", "code")
}
MakeRun = Callable[..., Run]
