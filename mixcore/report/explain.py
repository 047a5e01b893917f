"""One document's whole story, from every table that knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from mixcore.dedup import match_stage, resolve_stage
from mixcore.ingest import stage as ingest_stage
from mixcore.profile import stage as profile_stage
from mixcore.quality import stage as score_stage
from mixcore.recipe.rules import limits, resolve_rules
from mixcore.runtime.errors import RecipeError
from mixcore.runtime.stage import plan_stages
from mixcore.runtime.tables import (
    CORPUS,
    DOCUMENTS,
    DROPPED,
    DUPLICATES,
    MIXTURE,
    PAIRS,
    SCORES,
    SIGNALS_TABLE,
    VALIDATION,
    Table,
)

if TYPE_CHECKING:
    from pyspark.sql import Column

    from mixcore.runtime.stage import Run

_TEXT_CHARS = 500
_MAX_PAIRS = 20
_MAX_COPIES = 100
_HIDDEN = ("bands", "sketch", "key")
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1


def explain(run: Run, doc_id: int | str) -> dict[str, Any]:
    """What every table says of one document.

    Args:
        run: A run of the recipe; planned here if it is not yet. Nothing is written.
        doc_id: A doc_id, a native id, or SOURCE:NATIVE_ID.

    Returns:
        JSON values: `document` (with the text's beginning), `signals`, `gates` (each with value,
        limit and whether it fired), `scores`, `pairs`, `duplicates`, `mixture`, `corpus` (a row a
        copy), `validation`, `dropped` (None or empty where the table does not know it), and
        `verdict`, one sentence.

    Raises:
        RecipeError: No document has this id, or several sources have.
    """
    if not run.units:
        stages = (ingest_stage, profile_stage, score_stage, match_stage, resolve_stage)
        plan_stages(run, [module.STAGE for module in stages])
    document = _find(run, str(doc_id))
    this = F.col("doc_id") == F.lit(document["doc_id"])
    story: dict[str, Any] = {"document": document}
    story["signals"] = _first(_pool(run, SIGNALS_TABLE, "profile", this))
    story["scores"] = _first(_pool(run, SCORES, "score", this))
    story["gates"] = _gates(run, document["source"], story["signals"], story["scores"])
    edge = (F.col("doc_a") == F.lit(document["doc_id"])) | (
        F.col("doc_b") == F.lit(document["doc_id"])
    )
    story["pairs"] = _pool(run, PAIRS, "match", edge, order=("doc_a", "doc_b"), most=_MAX_PAIRS)
    story["duplicates"] = _first(_pool(run, DUPLICATES, "resolve", this))
    for table, order in (
        (MIXTURE, "domain"), (CORPUS, "copy_index"), (VALIDATION, "domain"), (DROPPED, "stage"),
    ):  # fmt: skip
        story[table.name] = _output(run, table, this, order)
    story["verdict"] = verdict(story)
    return story


def _find(run: Run, wanted: str) -> dict[str, Any]:
    """The one document that `wanted` names, without most of its text."""
    source, _, native = wanted.partition(":")
    is_it: Column = F.col("native_id") == F.lit(wanted)
    if native and source in run.recipe.sources:
        is_it |= (F.col("source") == F.lit(source)) & (F.col("native_id") == F.lit(native))
    number = _as_long(wanted)
    if number is not None:
        is_it |= F.col("doc_id") == F.lit(number)
    documents = run.read(DOCUMENTS, "ingest")
    columns = [c for c in documents.columns if c not in {"text", "key"}]
    text = F.substring("text", 1, _TEXT_CHARS).alias("text")
    found = documents.where(is_it).select(*columns, text).orderBy("source", "doc_id").limit(10)
    rows = [row.asDict(recursive=True) for row in found.collect()]
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise RecipeError(
            "several documents have this id", value=wanted,
            fix="say which: " + ", ".join(f"{r['source']}:{r['native_id']}" for r in rows),
        )  # fmt: skip
    raise RecipeError(
        "no document of this recipe has this id", value=wanted,
        where=run.pool.location(DOCUMENTS),
        fix="give its doc_id, its native id, or SOURCE:NATIVE_ID; rows that were refused lie in "
        "the table quarantine",
    )  # fmt: skip


def _as_long(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if _MIN_LONG <= number <= _MAX_LONG else None


def _pool(
    run: Run,
    table: Table,
    stage: str,
    which: Column,
    order: tuple[str, ...] = ("doc_id",),
    most: int = 1,
) -> list[dict[str, Any]]:
    """Rows of a pool table, without binary columns."""
    rows = run.read(table, stage).where(which).drop(*_HIDDEN)
    return [r.asDict(recursive=True) for r in rows.orderBy(*order).limit(most).collect()]


def _output(run: Run, table: Table, which: Column, order: str) -> list[dict[str, Any]]:
    """Rows of an output table without text; none if the table is not there yet."""
    if not run.output.exists(table):
        return []
    rows = run.output.read(table).where(which).drop("text").orderBy(order).limit(_MAX_COPIES)
    return [r.asDict(recursive=True) for r in rows.collect()]


def _first(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not rows:
        return None
    row = rows[0]
    if row.get("content_hash") is not None:
        row["content_hash"] = bytes(row["content_hash"]).hex()
    return row


def _gates(
    run: Run, source: str, signals: dict[str, Any] | None, scores: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """Every gate of the source's rules with the document's value."""
    if signals is None or scores is None:
        return []
    values = {**signals, **(signals["signals"] or {})}
    out = []
    for bit, g in enumerate(resolve_rules(run.recipe, source).gates):
        out.append({
            "gate": g.id, "value": values.get(g.signal.replace("@", "__")),
            "limits": limits(g.gate), "action": g.gate.action, "origin": g.origin,
            "fired": bool(scores["gate_bits"] >> bit & 1),
        })  # fmt: skip
    return out


def verdict(story: dict[str, Any]) -> str:
    """What became of the document, in one sentence.

    >>> none = dict.fromkeys(("scores", "corpus", "validation", "dropped"))
    >>> verdict({**none, "corpus": [{"domain": "web", "phase": "main"}] * 2})
    'delivered in web, 2 copies'
    >>> verdict({**none, "dropped": [{"stage": "score", "reason": "n_words", "value": "3",
    ...          "limit": "min 50", "kept_doc_id": None, "kept_in": None}]})
    'dropped by score: n_words is 3, limit min 50'
    """
    if story["corpus"]:
        first = story["corpus"][0]
        n = first.get("copies") or len(story["corpus"])
        return f"delivered in {first['domain']}, {n} {'copy' if n == 1 else 'copies'}"
    if story["validation"]:
        return f"held out for validation in {story['validation'][0]['domain']}"
    if story["dropped"]:
        row = story["dropped"][0]
        text = f"dropped by {row['stage']}: {row['reason']}"
        if row["value"] is not None:
            text += f" is {row['value']}"
        if row["limit"] is not None:
            text += f", limit {row['limit']}"
        if row["kept_doc_id"] is not None:
            text += f"; {row['kept_doc_id']} stays instead"
        if row["kept_in"] is not None:
            text += f", in {row['kept_in']}"
        return text
    gate = (story["scores"] or {}).get("drop_gate")
    if gate:
        return f"would be dropped by {gate}; not published yet"
    return "not published yet"


# ---- for a terminal ---------------------------------------------------------------------------


def _grid(title: str, rows: dict[str, Any]) -> Grid:
    """Names and values; the texts are literal, never markup."""
    grid = Grid(
        title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0)
    )
    for name, value in rows.items():
        if value is not None:
            grid.add_row(Text(name, style="dim"), Text(_shown(value)))
    return grid


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def render_explain(story: dict[str, Any]) -> Group:
    """The story for a terminal."""
    document = dict(story["document"])
    text = document.pop("text") or ""
    parts: list[Any] = [Text(story["verdict"], style="bold"), _grid("document", document)]
    excerpt = Text(text + (" ..." if len(text) == _TEXT_CHARS else ""), style="italic")
    parts += [Text(), excerpt]
    if story["gates"]:
        gates = Grid(title="gates", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in ("", "gate", "value", "limits", "from"):
            gates.add_column(name, justify="right" if name == "value" else "left")
        for g in story["gates"]:
            mark = Text("!" if g["fired"] else "", style="bold red")
            limit = ", ".join(f"{k} {_shown(v)}" for k, v in g["limits"].items())
            if g["action"] == "flag":
                limit += " (flag)"
            gates.add_row(
                mark, Text(g["gate"]), Text(_shown(g["value"])), Text(limit), Text(g["origin"])
            )
        parts += [Text(), gates]
    if story["scores"]:
        names = ("n_tokens", "drop_gate", "drop_value", "drop_limit", "score_raw", "score",
                 "score_bucket")  # fmt: skip
        parts += [Text(), _grid("score", {n: story["scores"][n] for n in names})]
    if story["duplicates"]:
        parts += [Text(), _grid("duplicates", story["duplicates"])]
    for pair in story["pairs"]:
        parts.append(_grid("pair", pair))
    for table in ("mixture", "corpus", "validation", "dropped"):
        parts += [_grid(table, row) for row in story[table]]
    return Group(*parts)
