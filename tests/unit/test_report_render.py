"""The report's page and its JSON: whole, self-contained, safe with hostile text."""

from __future__ import annotations

import doctest
import io
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from mixcore.recipe.models import Component, Gate
from mixcore.recipe.rules import ResolvedGate, ResolvedRules
from mixcore.report import charts, collect, duplicates, excerpts, explain, render
from mixcore.report.facts import drop_masks
from mixcore.text.bands import BandPlan, plan_bands

HOSTILE = (
    '</p><script src="https://evil.example/x.js"></script><img src=//evil.example onerror=1>&"\''
)

FACTS = {
    "rows": [("web", None, None, 1200, 30, 20), ("books", None, None, 300, 0, 0)],
    "files": [("web", None, None, 4, 9_000_000, 0), ("books", None, None, 1, 4_000_000, 0)],
    "quarantine": [("web", "not_json", None, 15, 0, 0), ("web", "empty", None, 5, 0, 0)],
    "documents": [("web", None, None, 1150, 8_000_000, 0),
                  ("books", None, None, 300, 4_000_000, 0)],
    "score": [
        ("web", None, None, 900, 900_000, 0), ("web", "n_norm_words", None, 200, 9000, 0),
        ("web", "drop_lowest", None, 40, 30_000, 0), ("web", "where", None, 10, 700, 0),
        ("books", None, None, 300, 880_000, 0),
    ],
    "bucket": [("web", str(b), "true", 20 + 7 * b % 60, 0, 0) for b in range(20)]
    + [("web", str(b), "false", 40 - 2 * b, 0, 0) for b in range(20)]
    + [("books", str(b), "true", 15, 0, 0) for b in range(20)],
    "gate": [("web", "0", None, 230, 150, 8000), ("web", "1", None, 80, 0, 0)],
    "dropped": [
        ("web", "score", "n_norm_words", 200, 0, 0), ("web", "score", "drop_lowest", 40, 0, 0),
        ("web", "score", "where", 10, 0, 0), ("web", "dedup", "near", 180, 0, 0),
        ("web", "dedup", "exact", 60, 0, 0), ("web", "mix", "over_budget", 260, 0, 0),
    ],
    "corpus": [("web", None, None, 390, 390, 400_000), ("books", None, None, 297, 594, 1_740_000)],
    "validation": [("web", None, None, 10, 9000, 0), ("books", None, None, 3, 9000, 0)],
    "cutoffs": [("web/en", "main", None, 900_000, 400_100, 400_000),
                ("books", "main", None, 870_000, 1_740_000, 1_740_000)],
    "mixture": [("web/en", "main", None, 390, 1, 0), ("books", "main", None, 297, 2, 0)],
    "clusters": [("1", None, None, 70, 140, 70), ("2", None, None, 20, 70, 50),
                 ("5", None, None, 2, 45, 43), ("7", None, None, 1, 78, 77)],
    "between": [("web", "web", None, 200, 60, 0), ("web", "books", None, 38, 0, 0),
                ("web", None, None, 2, 0, 0)],
    "edges": [("16", None, None, 300, 0, 0), ("19", None, None, 90, 0, 0),
              ("20", None, None, 7, 0, 0)],
    "removed": [("16", None, None, 110, 0, 0), ("19", None, None, 70, 0, 0)],
    "compared": [(None, None, None, 812, 0, 0)],
    "java": [("17.0.2", None, None, 1, 0, 0)],
}  # fmt: skip
RULES = {
    "web": ResolvedRules(
        "web",
        (
            ResolvedGate("n_norm_words", "n_norm_words", Gate(min=50, max=100_000), "preset x"),
            ResolvedGate(
                "language", "language", Gate(allowed=("en", "de"), action="flag"), "rules.web"
            ),
        ),
        (Component(signal="unique_word_frac"),),
        0.1,
    ),
    "books": ResolvedRules("none", (), (), 0.0),
}  # fmt: skip


def example(text="Once upon a time there was a fox, and it ran.", other=None):
    """A report as `collect` makes it, from made-up counts."""
    sources = collect.source_rows(FACTS, list(RULES))
    plan = plan_bands(0.8, 0.99)
    side = {"doc_id": "-42", "source": "web", "native_id": None}
    near = {
        "preset": None, "min_jaccard": 0.8, "min_recall": 0.99, "shingle": "5 words",
        "bands": plan.bands, "rows": plan.rows, "recall": plan.recall(0.8),
        "curve": [[i / 100, plan.recall(i / 100)] for i in range(101)],
        "s_curve": [[i / 20, plan.recall(i / 20)] for i in range(1, 21)],
    }  # fmt: skip
    pair = {
        "band": "Jaccard 0.90 to 0.95", "kind": "near", "jaccard": 0.91, "cluster_size": 3,
        "removed": side, "kept": {**side, "native_id": "n1"}, "is_cut": False,
        "diff": excerpts.side_by_side(text, other or text.replace("fox", "wolf")),
    }  # fmt: skip
    return {
        "name": "first", "run_id": "20260101T000000-7", "recipe_sha256": "ab" * 32,
        "created_at": "2026-01-01T00:00:00+00:00", "sample": None, "tokenizer": "words",
        "unit": "tokens", "totals": collect.totals(sources), "sources": sources,
        "gates": collect.gate_rows(FACTS, RULES), "mix": collect.mix_rows(FACTS),
        "scores": collect.score_histograms(FACTS), "clusters": duplicates.cluster_rows(FACTS),
        "dedup": {
            "exact": ["whitespace"], "scope": "all", "prefer": [], "protect": [], "near": near,
        },
        "verified": duplicates.verification(FACTS, near),
        "between": duplicates.matrix_rows(FACTS), "pairs": [pair],
        "largest": [{**side, "cluster_id": "-42", "cluster_size": 78, "beginning": text}],
        "stages": [{"stage": "ingest", "status": "done", "seconds": 3.21, "n_keys": 2,
                    "n_reused": 0}],
        "rules": {name: r.name for name, r in RULES.items()},
        "recipe": {"version": 1, "name": "first"}, "versions": collect.versions(FACTS),
        "tables": [
            {"table": "corpus", "path": "out/first/corpus", "version": 3, "keys": ["c" * 32]}
        ],
    }  # fmt: skip


class _Page(HTMLParser):
    """Tags with attributes, and the visible text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("module", [charts, duplicates, excerpts, explain, render])
def test_doctests(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_hostile_text_stays_text_wherever_it_stands():
    report = example(HOSTILE, HOSTILE + "x")
    report["name"] = report["run_id"] = HOSTILE
    report["sources"][0]["source"] = report["mix"][0]["domain"] = HOSTILE
    report["mix"][0]["phase"] = report["gates"][0]["gate"] = HOSTILE
    report["scores"] = {HOSTILE: report["scores"]["web"]}
    report["rules"] = {HOSTILE: HOSTILE}
    report["recipe"] = {HOSTILE: [HOSTILE]}
    report["sources"][0]["quarantine"] = {HOSTILE: 3}
    report["between"][0]["removed"] = report["between"][0]["kept"] = HOSTILE
    report["pairs"][0]["band"] = report["dedup"]["near"]["preset"] = HOSTILE
    report["pairs"][0]["kept"]["native_id"] = HOSTILE
    page = _Page(render.to_html(report))
    assert {t for t, _ in page.tags}.isdisjoint({"script", "img", "iframe", "object", "embed"})
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]
    assert "".join(page.text).count(HOSTILE) >= 14


def test_nothing_is_loaded_from_outside():
    html = render.to_html(example())
    page = _Page(html)
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "img", "iframe", "base"}
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert attrs.get(name, "#").startswith("#"), (tag, attrs)
    assert not re.search(r"url\(|@import|https?://", html)
    policy = [a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_the_page_says_what_the_counts_say():
    text = re.sub(r"\s+", " ", " ".join(_Page(render.to_html(example())).text))
    for shown in (
        "1,450", "The counts of every source add up", "n_norm_words", "min 50, max 100,000",
        "in en, de", "17.0.2", "2.00", "+0", "-100", "cluster of 3", "0.910",
    ):  # fmt: skip
        assert shown in text, shown
    assert "≠" not in text


def test_the_json_twin_is_valid_and_whole():
    report = example(HOSTILE + "\ud800", "x")
    assert json.loads(render.to_json(report)) == report
    with pytest.raises(ValueError, match="JSON"):
        render.to_json({"x": float("nan")})


def test_same_report_same_bytes():
    assert render.to_html(example()) == render.to_html(example())


def test_counts_that_do_not_add_up_are_shown():
    facts = {**FACTS, "documents": [("web", None, None, 1151, 1, 0), FACTS["documents"][1]]}
    sources = collect.source_rows(facts, list(RULES))
    assert [s["adds_up"] for s in sources] == [False, True]
    page = render.to_html({**example(), "sources": sources, "totals": collect.totals(sources)})
    assert "do not add up" in page
    assert "≠" in page


def test_gates_fired_alone_and_first():
    rows = collect.gate_rows(FACTS, RULES)
    assert [(r["gate"], r["limit"], r["fired"], r["alone"], r["first"]) for r in rows] == [
        ("where", "", 10, 10, 10),
        ("n_norm_words", "min 50, max 100,000", 230, 150, 200),
        ("language", "in en, de", 80, 0, 0),
        ("drop_lowest", "0.1 of tokens", 40, 40, 40),
    ]
    assert drop_masks(RULES) == {"web": 1, "books": 0}


@pytest.mark.parametrize(
    "empty",
    [
        {
            "dedup": None,
            "verified": None,
            "pairs": [],
            "clusters": [],
            "between": [],
            "largest": [],
        },
        {"dedup": {"near": None}, "verified": None},
        {"verified": {"compared": 0, "edges": 0, "by_jaccard": [], "missed": 0.0}},
        {"gates": [], "mix": [], "scores": {}, "stages": [], "tables": []},
        {"pairs": [], "clusters": [], "between": [], "largest": [], "sample": 0.01},
    ],
)
def test_a_report_without_some_part_still_renders(empty):
    assert "</html>" in render.to_html({**example(), **empty})


def test_a_run_without_documents_renders():
    sources = collect.source_rows({section: [] for section in FACTS}, ["web"])
    page = render.to_html({**example(), "sources": sources, "totals": collect.totals(sources)})
    assert "</html>" in page


def test_both_files_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "collect", lambda _: example("\ud800", "\ud800x"))
    run = SimpleNamespace(output=SimpleNamespace(path=str(tmp_path / "out")))
    page = render.write_report(run)
    assert page == str(tmp_path / "out/report/report.html")
    assert sorted(p.name for p in (tmp_path / "out/report").iterdir()) == [
        "report.html", "report.json",
    ]  # fmt: skip
    assert json.loads((tmp_path / "out/report/report.json").read_text())["name"] == "first"


def test_pairs_by_source_as_a_matrix():
    rows = duplicates.matrix_rows(FACTS)
    assert [(r["removed"], r["kept"], r["documents"]) for r in rows] == [
        ("web", duplicates.OTHER_CORPUS, 2), ("web", "books", 38), ("web", "web", 200),
    ]  # fmt: skip
    assert render.matrix(rows) == {
        "kept": [duplicates.OTHER_CORPUS, "books", "web"],
        "rows": [("web", [(2, 0), (38, 0), (200, 60)], 240)],
        "sums": [2, 38, 200],
        "most": 200,
    }


def test_pairs_that_never_met_are_estimated_from_those_found():
    near = {"min_jaccard": 0.8, "bands": 12, "rows": 5}
    found = duplicates.verification(FACTS, near)
    assert (found["compared"], found["edges"]) == (812, 397)
    rows = [(r["from"], r["to"], r["edges"], r["removed"]) for r in found["by_jaccard"]]
    assert rows == [(0.8, 0.85, 300, 110), (0.95, 1.0, 90, 70), (1.0, 1.0, 7, 0)]
    p = BandPlan(12, 5).recall(0.825)
    assert found["by_jaccard"][0]["missed"] == pytest.approx(300 / p - 300)
    assert found["by_jaccard"][2]["missed"] == 0
    assert duplicates.verification(FACTS, None) is None


def drawn(**counts):
    return [
        {"band": int(band[1:]), "order": (7 * i) % 11, "doc_id": i}
        for band, n in counts.items() for i in range(n)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "taken"),
    [
        ({}, {}),
        ({"b16": 3}, {16: 3}),
        ({"b16": 20, "b21": 20}, {16: 10, 21: 10}),
        ({"b16": 20, "b19": 1, "b20": 2, "b21": 20}, {16: 9, 19: 1, 20: 2, 21: 8}),
        (dict.fromkeys([f"b{i}" for i in range(22)], 20), dict.fromkeys(range(20), 1)),
    ],
)
def test_each_band_has_its_share_of_the_pairs_shown(counts, taken):
    rows = duplicates._even_share(drawn(**counts))
    assert len(rows) <= duplicates.PAIRS_SHOWN
    assert {b: sum(r["band"] == b for r in rows) for b in {r["band"] for r in rows}} == taken
    assert [r["band"] for r in rows] == sorted(r["band"] for r in rows)
    for band in taken:  # the first by hash of the band
        of = [(r["order"], r["doc_id"]) for r in rows if r["band"] == band]
        every = sorted((r["order"], r["doc_id"]) for r in drawn(**counts) if r["band"] == band)
        assert of == every[: len(of)]


STORY = {
    "document": {
        "doc_id": 7, "source": "web", "native_id": "n1", "text": "[bold]not markup[/bold]",
    },
    "signals": None, "gates": [
        {"gate": "n_words", "value": 3, "limits": {"min": 50.0}, "action": "drop", "origin": "x",
         "fired": True},
    ],
    "scores": {"n_tokens": 4, "drop_gate": "n_words", "drop_value": "3", "drop_limit": "min 50",
               "score_raw": 0.1, "score": 0.2, "score_bucket": 4},
    "pairs": [], "duplicates": None, "mixture": [], "corpus": [], "validation": [],
    "dropped": [{"stage": "score", "reason": "n_words", "value": "3", "limit": "min 50",
                 "kept_doc_id": None, "kept_in": None}],
    "verdict": "dropped by score: n_words is 3, limit min 50",
}  # fmt: skip


def test_a_documents_story_on_a_terminal_shows_texts_literally():
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(explain.render_explain(STORY))
    shown = console.export_text()
    for part in ("[bold]not markup[/bold]", "min 50", "n_words", "dropped by score", "n1"):
        assert part in shown


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        ({"scores": {"drop_gate": None}}, "not published yet"),
        ({"scores": {"drop_gate": "where"}}, "would be dropped by where; not published yet"),
        ({"validation": [{"domain": "web"}]}, "held out for validation in web"),
        ({"corpus": [{"domain": "web", "copies": 3}]}, "delivered in web, 3 copies"),
        (
            {"dropped": [{"stage": "dedup", "reason": "near", "value": "0.91", "limit": None,
                          "kept_doc_id": 9, "kept_in": None}]},
            "dropped by dedup: near is 0.91; 9 stays instead",
        ),
    ],
)  # fmt: skip
def test_verdicts(story, sentence):
    nothing = {"scores": None, "corpus": [], "validation": [], "dropped": []}
    assert explain.verdict({**nothing, **story}) == sentence
