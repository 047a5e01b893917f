"""The report as one self-contained HTML file and its JSON twin. Nothing is loaded from outside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from pyarrow import fs

from mixcore.report import charts
from mixcore.report import collect as collecting

if TYPE_CHECKING:
    from markupsafe import Markup

    from mixcore.runtime.stage import Run

FATES = (
    ("corpus", "delivered"), ("validation", "held out"), ("mix", "not chosen by the mix"),
    ("dedup", "duplicates"), ("score", "dropped by rules"), ("profile", "failed"),
)  # fmt: skip
"""What becomes of a document, in the order of the bars: class name and meaning."""
_NONE = "\N{EN DASH}"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def _integer(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.0f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return _NONE if value is None else f"{value:.{digits}%}"


def _size(value: float) -> str:
    """Bytes for a person.

    >>> _size(999), _size(12_300_000)
    ('999 B', '12.3 MB')
    """
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def fates(source: dict[str, Any]) -> list[tuple[str, str, int]]:
    """(class, meaning, documents) of every fate that occurs in a source or in the totals."""
    counts = {
        "corpus": source["corpus_documents"],
        "validation": source["validation"],
        **source["dropped"],
    }
    return [(name, meaning, counts[name]) for name, meaning in FATES if counts.get(name)]


def matrix(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`between` as a table: `kept` (columns), `rows` (source, cells, sum), `sums`, `most`.

    A cell is (documents, exact ones).
    """
    removed = list(dict.fromkeys(r["removed"] for r in rows))
    kept = sorted({r["kept"] for r in rows})
    cells = {(r["removed"], r["kept"]): (r["documents"], r["exact"]) for r in rows}
    table = [(a, [cells.get((a, b), (0, 0)) for b in kept]) for a in removed]
    return {
        "kept": kept,
        "rows": [(a, line, sum(n for n, _ in line)) for a, line in table],
        "sums": [sum(line[i][0] for _, line in table) for i in range(len(kept))],
        "most": max((n for n, _ in cells.values()), default=0),
    }


def by_band(pairs: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Sampled pairs in groups of equal `band`, in their order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs:
        groups.setdefault(pair["band"], []).append(pair)
    return list(groups.items())


def _plots(report: dict[str, Any]) -> dict[str, Any]:
    near = (report["dedup"] or {}).get("near")
    phases: dict[str, Markup] = {}
    for phase in dict.fromkeys(row["phase"] for row in report["mix"]):
        rows = [
            (r["domain"], r["available"], r["target"], r["achieved"])
            for r in report["mix"]
            if r["phase"] == phase
        ]
        phases[phase] = charts.target_bars(rows, f"Target and achieved by domain, phase {phase}")
    return {
        "phases": phases,
        "scores": {
            source: charts.histogram(bars["passed"], bars["dropped"], f"Scores of {source}")
            for source, bars in report["scores"].items()
        },
        "clusters": charts.log_bars(
            [(_class(c), c["clusters"]) for c in report["clusters"]], "Clusters by size"
        ),
        "verified": charts.log_bars(
            [
                (f"{r['from']:.2f} to {r['to']:.2f}" if r["from"] < r["to"] else "1", r["edges"])
                for r in (report["verified"] or {"by_jaccard": ()})["by_jaccard"]
            ],
            "Pairs at or above the threshold by Jaccard similarity",
        ),
        "curve": charts.s_curve(
            near["curve"], near["min_jaccard"], "Chance of comparison by similarity"
        )
        if near
        else None,
    }


def _class(row: dict[str, int]) -> str:
    return f"{row['from']}" if row["from"] == row["to"] else f"{row['from']:,} to {row['to']:,}"


def to_html(report: dict[str, Any]) -> str:
    """The page of a report (see `collect`). Text of documents is escaped, like everything else."""
    env = Environment(
        loader=PackageLoader("mixcore", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        n=_integer, pct=_percent, size=_size, short=charts.short, fates=fates, cluster=_class,
        matrix=matrix, by_band=by_band,
        pretty=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    )  # fmt: skip
    template = env.get_template("report.html.j2")
    return template.render(r=report, plots=_plots(report), legend=FATES)


def to_json(report: dict[str, Any]) -> str:
    """The report as JSON text; unpaired surrogates and the like stay escaped."""
    return json.dumps(report, indent=1, ensure_ascii=True, allow_nan=False, default=str)


def write_report(run: Run) -> str:
    """Write OUTPUT/report/report.html and report.json.

    Returns:
        Where the page lies.
    """
    report = collecting.collect(run)
    folder = f"{run.output.path}/report"
    _write(f"{folder}/report.json", to_json(report))
    page = f"{folder}/report.html"
    _write(page, to_html(report))
    return page


def _write(path: str, text: str) -> None:
    """Write a small text file, local (atomically) or anywhere pyarrow can reach."""
    # Text with an unpaired surrogate has no UTF-8; such rows are quarantined, so nothing is lost.
    data = text.encode("utf-8", errors="replace")
    if "://" in path:
        filesystem, inner = fs.FileSystem.from_uri(path)
        filesystem.create_dir(inner.rpartition("/")[0], recursive=True)
        with filesystem.open_output_stream(inner) as stream:
            stream.write(data)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(target)
