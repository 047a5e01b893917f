"""Everything the report says, as one JSON-able dict, read from the tables of a run."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

from mixcore import __version__
from mixcore.mixing.candidates import budget_unit
from mixcore.recipe.rules import ResolvedRules, limits, resolve_rules
from mixcore.recipe.show import recipe_data
from mixcore.report.duplicates import (
    cluster_rows,
    dedup_settings,
    matrix_rows,
    samples,
    verification,
)
from mixcore.report.facts import Fact, all_facts
from mixcore.runtime.tables import OUTPUT_TABLES, POOL_TABLES, RUNS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from mixcore.runtime.stage import Run

_PACKAGES = ("pyspark", "delta-spark", "pyarrow", "numpy", "numba", "pydantic")
_STAGE_OF = {
    "files": "ingest", "documents": "ingest", "quarantine": "ingest", "signals": "profile",
    "scores": "score", "shingles": "match", "hot_buckets": "match", "pairs": "match",
    "duplicates": "resolve",
}  # fmt: skip

Facts = dict[str, list[Fact]]


def collect(run: Run) -> dict[str, Any]:
    """The report of a run.

    Args:
        run: A run whose units are planned (`run.units`) and whose output tables are written.

    Returns:
        JSON values only; document ids are strings, since JSON readers round 64-bit integers.
    """
    rules = {name: resolve_rules(run.recipe, name) for name in run.recipe.sources}
    facts: Facts = defaultdict(list)
    for row in all_facts(run, rules).collect():  # grows with sources, gates and domains only
        facts[row["section"]].append(tuple(row)[1:])
    sources = source_rows(facts, list(run.recipe.sources))
    dedup = dedup_settings(run)
    return {
        "name": run.recipe.name,
        "run_id": run.run_id,
        "recipe_sha256": run.recipe_sha256,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "sample": run.sample,
        "tokenizer": run.recipe.tokens.tokenizer,
        "totals": totals(sources),
        "sources": sources,
        "gates": gate_rows(facts, rules),
        "unit": budget_unit(run.recipe),
        "mix": mix_rows(facts),
        "scores": score_histograms(facts),
        "clusters": cluster_rows(facts),
        "dedup": dedup,
        "verified": verification(facts, (dedup or {}).get("near")),
        "between": matrix_rows(facts),
        **samples(run),
        "stages": stage_rows(run),
        "rules": {name: resolved.name for name, resolved in rules.items()},
        "recipe": recipe_data(run.recipe),
        "versions": versions(facts),
        "tables": table_rows(run),
    }


# ---- counts -----------------------------------------------------------------------------------


def _by_name(facts: list[Fact]) -> dict[str, Fact]:
    return {str(f[0]): f for f in facts}


def source_rows(facts: Facts, names: list[str]) -> list[dict[str, Any]]:
    """The way of each source's rows, from reading to the corpus, and whether the counts add up."""
    nothing: Fact = (None, None, None, 0, 0, 0)
    by = {section: _by_name(facts[section])
          for section in ("rows", "files", "documents", "corpus", "validation")}  # fmt: skip
    out = []
    for name in names:

        def get(section: str, at: str = name) -> tuple[int, int, int]:
            return by[section].get(at, nothing)[3:]

        rows_read, identical, quarantined = get("rows")
        n_files, size, _ = get("files")
        documents, n_bytes, _ = get("documents")
        in_corpus, corpus_rows, corpus_tokens = get("corpus")
        held_out, held_out_tokens, _ = get("validation")
        dropped: dict[str, int] = {"profile": 0, "score": 0, "dedup": 0, "mix": 0}
        reasons: list[dict[str, Any]] = []
        for source, stage, reason, n, _, _ in facts["dropped"]:
            if source == name:
                dropped[str(stage)] = dropped.get(str(stage), 0) + n
                reasons.append({"stage": stage, "reason": reason, "documents": n})
        judged = [f for f in facts["score"] if f[0] == name]
        out.append({
            "source": name, "files": n_files, "bytes_read": size, "rows_read": rows_read,
            "identical": identical, "quarantined": quarantined,
            "quarantine": {str(f[1]): f[3] for f in sorted(facts["quarantine"], key=str)
                           if f[0] == name},
            "documents": documents, "bytes": n_bytes, "tokens": sum(f[4] for f in judged),
            "passed": sum(f[3] for f in judged if f[1] is None),
            "dropped": dropped,
            "reasons": sorted(reasons, key=lambda r: (-r["documents"], str(r))),
            "validation": held_out, "validation_tokens": held_out_tokens,
            "corpus_documents": in_corpus, "corpus_rows": corpus_rows,
            "corpus_tokens": corpus_tokens,
            "adds_up": documents == in_corpus + held_out + sum(dropped.values()),
        })  # fmt: skip
    return out


def totals(sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over all sources."""
    names = ("files", "bytes_read", "rows_read", "identical", "quarantined", "documents", "bytes",
             "tokens", "passed", "validation", "validation_tokens", "corpus_documents",
             "corpus_rows", "corpus_tokens")  # fmt: skip
    out: dict[str, Any] = {name: sum(s[name] for s in sources) for name in names}
    stages = sorted({stage for s in sources for stage in s["dropped"]})
    out["dropped"] = {stage: sum(s["dropped"].get(stage, 0) for s in sources) for stage in stages}
    out["adds_up"] = all(s["adds_up"] for s in sources)
    return out


def gate_rows(facts: Facts, rules: dict[str, ResolvedRules]) -> list[dict[str, Any]]:
    """By source and gate, in the gates' order: fired on, alone (rescued without it), first."""
    fired = {(f[0], int(f[1] or 0)): f[3:] for f in facts["gate"]}
    first = {(f[0], f[1]): f[3] for f in facts["score"]}
    judged: dict[str | None, int] = defaultdict(int)
    for source, _, _, n, _, _ in facts["score"]:
        judged[source] += n
    out = []
    for source, resolved in rules.items():

        def row(gate: str, limit: str, n: tuple[int, int, int], **more: Any) -> dict[str, Any]:
            return {
                "source": source, "gate": gate, "limit": limit, "action": "drop", "origin": "",  # noqa: B023
                "fired": n[0], "alone": n[1], "alone_tokens": n[2],
                "first": first.get((source, gate), 0), "documents": judged[source],  # noqa: B023
                **more,
            }  # fmt: skip

        for gate in ("failed", "where", "exclude"):
            n = first.get((source, gate), 0)
            if n:
                out.append(row(gate, "", (n, n, 0), origin="before the gates"))
        for bit, g in enumerate(resolved.gates):
            limit = ", ".join(
                f"{word} {', '.join(v) if isinstance(v, list) else f'{v:,g}'}"
                for word, v in limits(g.gate).items()
            )
            n3 = fired.get((source, bit), (0, 0, 0))
            out.append(row(g.id, limit, n3, action=g.gate.action, origin=g.origin))
        n = first.get((source, "drop_lowest"), 0)
        if n:
            out.append(row("drop_lowest", f"{resolved.drop_lowest:g} of tokens", (n, n, 0)))
    return out


def mix_rows(facts: Facts) -> list[dict[str, Any]]:
    """Target against achieved by leaf domain and phase, largest target first."""
    chosen = {(f[0], f[1]): f[3:5] for f in facts["mixture"]}
    all_target = sum(f[4] for f in facts["cutoffs"]) or 1
    all_achieved = sum(f[5] for f in facts["cutoffs"]) or 1
    out = []
    for domain, phase, _, available, target, achieved in facts["cutoffs"]:
        documents, copies = chosen.get((domain, phase), (0, 0))
        out.append({
            "domain": domain, "phase": phase, "available": available, "target": target,
            "achieved": achieved, "target_share": target / all_target,
            "share": achieved / all_achieved,
            "epochs": achieved / available if available else None,
            "documents": documents, "max_copies": copies,
        })  # fmt: skip
    return sorted(out, key=lambda r: (str(r["phase"]), -r["target"], str(r["domain"])))


def score_histograms(facts: Facts) -> dict[str, dict[str, list[int]]]:
    """Documents by score bucket and source: those that passed their gates, and the others."""
    out: dict[str, dict[str, list[int]]] = {}
    for source, bucket, passed, n, _, _ in facts["bucket"]:
        if bucket is not None:
            bars = out.setdefault(str(source), {"passed": [0] * 20, "dropped": [0] * 20})
            bars["passed" if passed == "true" else "dropped"][int(bucket)] += n
    return dict(sorted(out.items()))


# ---- provenance -------------------------------------------------------------------------------


def stage_rows(run: Run) -> list[dict[str, Any]]:
    """What each stage of this run did and how long it took."""
    return [
        {
            "stage": r.stage,
            "status": r.status,
            "seconds": round((r.ended_at - r.started_at).total_seconds(), 2),
            "n_keys": len(r.keys),
            "n_reused": r.n_reused,
        }
        for r in run.records
    ]


def versions(facts: Facts) -> dict[str, str]:
    """Versions of the code and of what it stands on."""
    found = {"mixcore": __version__, "Python": python_version()}
    if facts["java"]:
        found["Java"] = str(facts["java"][0][0])
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def table_rows(run: Run) -> list[dict[str, Any]]:
    """Path, keys and version of every table that the run reads and writes."""
    rows: list[dict[str, Any]] = [
        {
            "table": table.name,
            "path": run.pool.location(table),
            "version": delta_version(run.spark, run.pool.location(table)),
            "keys": [unit.key for unit in run.units.get(_STAGE_OF[table.name], [])],
        }
        for table in POOL_TABLES
    ]
    for table in OUTPUT_TABLES:
        if table is not RUNS:
            number, metadata = run.output.latest(table)
            rows.append({
                "table": table.name, "path": run.output.location(table),
                "version": number if number >= 0 else None,
                "keys": [metadata["key"]] if metadata.get("key") else [],
            })  # fmt: skip
    return [row for row in rows if row["version"] is not None]


def delta_version(spark: SparkSession, location: str) -> int | None:
    """Latest version of a Delta table, None without one. Local logs are read by name: cheap."""
    if "://" in location:
        try:
            found = spark.sql(f"DESCRIBE HISTORY delta.`{location}` LIMIT 1").collect()
        except Exception:  # noqa: BLE001 - no table, or no history: the report says nothing then
            return None
        return int(found[0]["version"]) if found else None
    names = [p.name for p in Path(location, "_delta_log").glob("*") if p.is_file()]
    numbers = [int(m.group(1)) for n in names if (m := re.match(r"(\d{20})\.(?:json|checkp)", n))]
    return max(numbers, default=None)
