"""The stage `score` on signals made up for each case."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql.pandas.types import to_arrow_schema

from mixcore.quality import percentiles as spark_percentiles
from mixcore.quality.bins import BINS, MISSING_BIN, component_table, percentiles, unit_map
from mixcore.quality.stage import STAGE
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.stage import Unit, run_stage
from mixcore.runtime.tables import DOCUMENTS, SCORES, SIGNALS_TABLE

GOOD = {"n_bytes": 100, "n_norm_words": 100, "dup_ngram_chars_5": 0.0, "unique_word_frac": 0.5}


def document(doc_id, source="web", *, language="en", n_tokens=10, status="ok", **signals):
    """A row of signals. Fields not given are null, which only `on_missing` gates may see."""
    return {
        "doc_id": doc_id, "source": source, "status": status, "language": language,
        "language_confidence": signals.pop("language_confidence", None), "n_tokens": n_tokens,
        "signals": {**GOOD, **signals} if status == "ok" else None,
    }  # fmt: skip


def name_units(run):
    """Units of the earlier stages, as they would have planned them."""
    for stage in ("ingest", "profile"):
        run.units[stage] = [Unit(f"{stage}-{s}", f"{s}/0", s) for s in run.recipe.sources]


def prepare(spark, run, rows, documents=(), partitions=1):
    """Put rows into the pool as the earlier stages would."""
    name_units(run)
    schema = to_arrow_schema(SIGNALS_TABLE.schema)
    table = pa.Table.from_pylist([{"key": f"profile-{r['source']}", **r} for r in rows], schema)
    df = spark.createDataFrame(table).repartition(partitions)
    run.pool.write(SIGNALS_TABLE, df, run.keys("profile"), {})
    if documents:
        names = sorted({n for d in documents for n in d} - {"doc_id", "source", "native_id"})
        fields = [*to_arrow_schema(DOCUMENTS.schema), *[pa.field(n, pa.string()) for n in names]]
        full = [{"key": f"ingest-{d['source']}", "text": "x", **d} for d in documents]
        table = pa.Table.from_pylist(full, pa.schema(fields))
        run.pool.write(DOCUMENTS, spark.createDataFrame(table), run.keys("ingest"), {})


def score(spark, make_run, recipe, rows, documents=(), partitions=1):
    """doc_id -> row of scores."""
    run = make_run({"sources": {"web": {"path": "x"}}, **recipe})
    prepare(spark, run, rows, documents, partitions)
    run_stage(run, STAGE)
    found = run.read(SCORES, "score").collect()
    assert len(found) == len(rows)
    return {row["doc_id"]: row for row in found}


def with_gates(gates, **more):
    return {"rules": {"web": {"gates": gates, "score": [], **more}}}


# ---- gates --------------------------------------------------------------------------------------


def test_operators_at_their_limits(spark, make_run):
    gates = {
        "n_norm_words": {"min": 50, "max": 200},
        "n_lines": {"above": 3, "below": 9},
        "dup_ngram_chars_5": {"max": 0.15},
        "alpha_word_frac": {"min": 0.7},
        "mean_word_length": {"below": 10.1},
        "language": {"in": ["en", "de"]},
        "xml_head": {"max": 0},
    }
    cases = [
        # signal, value, language, gate that fires, limit shown
        ("n_norm_words", 49, "en", "n_norm_words", "min 50"),
        ("n_norm_words", 50, "en", None, None),
        ("n_norm_words", 200, "en", None, None),
        ("n_norm_words", 201, "en", "n_norm_words", "max 200"),
        ("n_lines", 3, "en", "n_lines", "above 3"),
        ("n_lines", 4, "de", None, None),
        ("n_lines", 8, "en", None, None),
        ("n_lines", 9, "en", "n_lines", "below 9"),
        # Exactly at a limit that f32 cannot hold: stored 0.15 is larger, stored 0.7 smaller.
        ("dup_ngram_chars_5", 0.15, "en", None, None),
        ("dup_ngram_chars_5", float(np.nextafter(np.float32(0.15), np.float32(1))), "en",
         "dup_ngram_chars_5", "max 0.15"),
        ("alpha_word_frac", 0.7, "en", None, None),
        ("alpha_word_frac", float(np.nextafter(np.float32(0.7), np.float32(0))), "en",
         "alpha_word_frac", "min 0.7"),
        ("mean_word_length", 10.1, "en", "mean_word_length", "below 10.1"),
        ("n_lines", 5, "fr", "language", "in en, de"),
        ("xml_head", True, "en", "xml_head", "max 0"),
    ]  # fmt: skip
    fine = {"n_lines": 5, "alpha_word_frac": 0.9, "mean_word_length": 5.0, "xml_head": False}
    rows = [
        document(i, language=language, **{**fine, signal: value})
        for i, (signal, value, language, _, _) in enumerate(cases)
    ]
    got = score(spark, make_run, with_gates(gates), rows)
    ids = list(gates)
    for i, (_, _, _, gate, limit) in enumerate(cases):
        assert (got[i]["drop_gate"], got[i]["drop_limit"]) == (gate, limit), cases[i]
        assert got[i]["gate_bits"] == (1 << ids.index(gate) if gate else 0)
    assert got[0]["drop_value"] == "49"
    assert got[13]["drop_value"] == "fr"


def test_every_gate_is_evaluated_and_the_first_that_drops_is_named(spark, make_run):
    gates = {
        "n_chars": {"min": 10, "action": "flag"},
        "n_norm_words": {"min": 50},
        "n_lines": {"max": 3},
        "n_hash": {"max": 0, "on_missing": "drop"},
        "n_ellipsis": {"max": 0, "on_missing": "keep"},
    }
    rows = [
        document(1, n_chars=5, n_lines=1, n_hash=0),
        document(2, n_chars=5, n_lines=9, n_hash=0, n_norm_words=1),
        document(3, n_chars=50, n_lines=9, n_norm_words=60, n_ellipsis=1),
        document(4, n_chars=50, n_lines=1),
        document(5, status="failed", n_tokens=None),
    ]
    got = score(spark, make_run, with_gates(gates), rows)
    seen = {
        i: (r["gate_bits"], r["drop_gate"], r["drop_value"], r["drop_limit"])
        for i, r in got.items()
    }
    assert seen == {
        1: (0b00001, None, None, None),
        2: (0b00111, "n_norm_words", "1", "min 50"),
        3: (0b11100, "n_lines", "9", "max 3"),
        4: (0b01000, "n_hash", "missing", "a value, max 0"),
        5: (0, "failed", "failed", "ok"),
    }
    assert (got[5]["n_tokens"], got[5]["score"], got[5]["score_bucket"]) == (0, 0.0, 0)


def test_sixty_four_gates_fit_and_the_last_bit_is_the_sign(spark, make_run):
    from mixcore.text.signals import SIGNALS

    names = [s.name for s in SIGNALS][:64]
    gates = {name: {"min": 1, "on_missing": "drop"} for name in names}
    got = score(spark, make_run, with_gates(gates), [document(1)])
    held = {"n_bytes", "n_norm_words"}
    want = sum(1 << i for i, name in enumerate(names) if name not in held)
    assert got[1]["gate_bits"] == want - (1 << 64)


def test_a_missing_value_that_a_gate_needs_stops_the_run_with_the_count(spark, make_run):
    gates = {"stopword_frac": {"min": 0.1}}
    recipe = {"sources": {"web": {"path": "x", "columns": {"license": "l"},
                                  "where": "license = 'cc0'"}}, **with_gates(gates)}  # fmt: skip
    rows = [document(i, **({} if i < 3 else {"stopword_frac": 0.5})) for i in range(9)]
    documents = [{"doc_id": i, "source": "web", "license": "cc0"} for i in range(1, 9)]
    documents.append({"doc_id": 0, "source": "web", "license": "arr"})  # out before the gate
    with pytest.raises(ContractError, match=r"2 documents have no stopword_frac") as caught:
        score(spark, make_run, recipe, rows, documents)
    assert "on_missing" in str(caught.value)


# ---- where and exclude ----------------------------------------------------------------------


def test_where_and_exclude_come_before_the_gates(spark, make_run, tmp_path):
    (tmp_path / "d.txt").write_text("bad.example\nvery.bad.example\n")
    (tmp_path / "u.txt").write_text("https://ok.example/page/\n")
    (tmp_path / "i.txt").write_text("n7\n")
    exclude = {k: str(tmp_path / f"{k[0]}.txt") for k in ("domains", "urls", "ids")}
    recipe = {
        "sources": {
            "web": {
                "path": "x", "columns": {"url": "url", "license": "license", "id": "id"},
                "where": "license = 'cc0'", "exclude": exclude,
            },
            "books": {"path": "y"},
        },
        "rules": {
            "web": {"gates": {"n_norm_words": {"min": 50}}, "score": []},
            "books": {"gates": {"n_norm_words": {"min": 50}}, "score": []},
        },
    }  # fmt: skip
    cases = [
        # url, license, native id, words -> gate, value
        ("http://ok.example/a", "cc0", "n0", 100, None, None),
        ("http://ok.example/a", "cc0", "n1", 1, "n_norm_words", "1"),
        ("http://ok.example/a", "by", "n2", 1, "where", "license=by"),
        ("http://ok.example/a", None, "n3", 100, "where", "license=null"),
        ("http://x.bad.example/", "cc0", "n4", 1, "exclude", "bad.example"),
        ("http://a.very.bad.example/|", "cc0", "n5", 100, "exclude", "very.bad.example"),
        ("http://notbad.example/", "cc0", "n6", 100, None, None),
        ("http://ok.example/a", "cc0", "n7", 100, "exclude", "n7"),
        ("http://ok.example/page#x", "cc0", "n8", 100, "exclude", "ok.example/page"),
        ("http://bad.example/", "by", "n9", 100, "where", "license=by"),
        (None, "cc0", "n10", 100, None, None),
        ("http://x.bad.example/", "cc0", "n7", 100, "exclude", "bad.example"),
        ("http://" + "a." * 3000 + "bad.example/", "cc0", "n12", 100, "exclude", "bad.example"),
    ]
    rows = [document(i, n_norm_words=case[3]) for i, case in enumerate(cases)]
    rows.append(document(99, "books", n_norm_words=1))
    documents = [
        {"doc_id": i, "source": "web", "url": u, "license": c, "native_id": n}
        for i, (u, c, n, *_) in enumerate(cases)
    ]
    documents.append({"doc_id": 99, "source": "books", "native_id": "n7"})
    got = score(spark, make_run, recipe, rows, documents)
    for i, (*_, gate, value) in enumerate(cases):
        assert (got[i]["drop_gate"], got[i]["drop_value"]) == (gate, value), cases[i]
    assert got[2]["gate_bits"] == 1
    assert got[2]["drop_limit"] == "license = 'cc0'"
    assert got[7]["drop_limit"] == f"ids: {exclude['ids']}"
    assert got[99]["drop_gate"] == "n_norm_words"


def test_a_url_list_needs_a_url_column(make_run, tmp_path):
    (tmp_path / "d.txt").write_text("bad.example\n")
    run = make_run(
        {"sources": {"web": {"path": "x", "exclude": {"domains": str(tmp_path / "d.txt")}}}}
    )
    run.units = {"ingest": [], "profile": []}
    with pytest.raises(RecipeError, match="url"):
        STAGE.plan(run)


# ---- scores ---------------------------------------------------------------------------------


SCORE = [
    {"signal": "unique_word_frac", "weight": 2},
    {"signal": "dup_ngram_chars_5", "better": "low"},
    {"signal": "stopword_frac"},
]


def corpus(n, seed=7):
    """Two sources; `web` has a large and a small language; some documents fail the gate."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        source = "books" if i % 11 == 0 else "web"
        extra = {"stopword_frac": float(np.float32(rng.random()))} if i % 5 else {}
        rows.append(document(
            int(rng.integers(-(2**63), 2**63)), source,
            language="de" if i % 7 == 0 else "en", n_tokens=int(rng.integers(0, 500)),
            n_bytes=int(rng.integers(1, 10**6)), n_norm_words=int(rng.integers(40, 400)),
            unique_word_frac=float(np.float32(rng.integers(0, 40) / 40)),
            dup_ngram_chars_5=float(np.float32(rng.random() ** 3)), **extra,
        ))  # fmt: skip
    return rows


def bin_of(signal, value):
    if value is None:
        return MISSING_BIN
    scale = unit_map(signal).scale
    unit = value if scale is None else value / (value + scale)
    return min(BINS - 1, int(np.floor(min(1.0, max(0.0, unit)) * BINS)))


def twin(rows, drop_lowest, min_documents):
    """The slow, obvious way: doc_id -> (score_raw, score, lowest?)."""
    passed = [r for r in rows if r["signals"]["n_norm_words"] >= 50]

    def pool_of(r):
        same = [p for p in passed if p["source"] == r["source"]]
        own = [p for p in same if p["language"] == r["language"]]
        return own if len(own) >= min_documents else same

    def histogram(members, at):
        sums = np.zeros(BINS, np.int64)
        for m in members:
            if at(m) < BINS:
                sums[at(m)] += m["signals"]["n_bytes"]
        return sums

    strata = {(r["source"], r["language"]): r for r in rows}
    raw, final = {}, {}
    weights = sum(c.get("weight", 1) for c in SCORE)
    for name, example in strata.items():
        members = [r for r in rows if (r["source"], r["language"]) == name]
        tables = []
        for c in SCORE:

            def at(m, c=c):
                return bin_of(c["signal"], m["signals"].get(c["signal"]))

            tables.append((at, component_table(
                histogram(pool_of(example), at), c.get("weight", 1) / weights,
                high_is_better=c.get("better", "high") == "high",
            )))  # fmt: skip
        for m in members:
            total = 0.0
            for i, (at, table) in enumerate(tables):
                total = table[at(m)] if i == 0 else total + table[at(m)]
            raw[m["doc_id"]] = min(1.0, float(total))

    def raw_bin(m):
        return min(BINS - 1, int(np.floor(raw[m["doc_id"]] * BINS)))

    for example in strata.values():
        ranks = percentiles(histogram(pool_of(example), raw_bin))
        for m in rows:
            if (m["source"], m["language"]) == (example["source"], example["language"]):
                final[m["doc_id"]] = float(ranks[raw_bin(m)])
    gone = set()
    for name in strata:
        members = sorted(
            (m for m in passed if (m["source"], m["language"]) == name),
            key=lambda m: (raw[m["doc_id"]], m["doc_id"]),
        )
        total = sum(m["n_tokens"] + 1 for m in members)
        left = int(drop_lowest * total)
        for m in members:
            left -= m["n_tokens"] + 1
            if left < 0:
                break
            gone.add(m["doc_id"])
    return {i: (raw[i], final[i], i in gone) for i in raw}


@pytest.mark.parametrize("partitions", [1, 5])
def test_scores_equal_the_twin_whatever_the_partitions(spark, make_run, monkeypatch, partitions):
    monkeypatch.setattr(spark_percentiles, "MIN_DOCUMENTS", 200)
    rows = corpus(900)
    rules = {"gates": {"n_norm_words": {"min": 50}}, "score": SCORE, "drop_lowest": 0.3}
    recipe = {
        "sources": {"web": {"path": "x"}, "books": {"path": "y"}},
        "tokens": {"extra_per_document": 1},
        "rules": {"web": rules, "books": rules},
    }
    if partitions > 1:
        rows = rows[::-1]
    got = score(spark, make_run, recipe, rows, partitions=partitions)
    want = twin(rows, 0.3, 200)
    assert {i for i, r in got.items() if r["drop_gate"] == "drop_lowest"} == {
        i for i, (_, _, lowest) in want.items() if lowest
    }
    for i, (raw, final, lowest) in want.items():
        row = got[i]
        assert (row["score_raw"], row["score"]) == (raw, final)
        assert row["score_bucket"] == min(19, int(final * 20))
        if lowest:
            assert (row["drop_value"], row["drop_limit"]) == (str(final), "0.3")
    assert got[rows[0]["doc_id"]]["n_tokens"] == rows[0]["n_tokens"] + 1


def test_drop_lowest_is_exact_where_every_score_ties(spark, make_run):
    rng = np.random.default_rng(3)
    ids = sorted({int(x) for x in rng.integers(-(2**63), 2**63, 400)})
    rows = [document(i, n_tokens=int(rng.integers(1, 90))) for i in ids]
    recipe = {"rules": {"web": {"score": [{"signal": "unique_word_frac"}], "drop_lowest": 0.25}}}
    got = score(spark, make_run, recipe, rows)
    tokens = np.cumsum([got[i]["n_tokens"] for i in ids])
    n = int((tokens <= 0.25 * tokens[-1]).sum())
    assert [i for i in ids if got[i]["drop_gate"] == "drop_lowest"] == ids[:n]
    assert {r["score"] for r in got.values()} == {0.5}


def test_without_rules_everything_passes_with_the_middle_score(spark, make_run):
    rows = [document(1), document(2, n_norm_words=0), document(3, "books"),
            document(4, "books", unique_word_frac=0.9)]  # fmt: skip
    recipe = {
        "sources": {"web": {"path": "x", "rules": "none"}, "books": {"path": "y"}},
        "rules": {"books": {"score": [{"signal": "unique_word_frac"}]}},
    }
    got = score(spark, make_run, recipe, rows)
    assert {r["drop_gate"] for r in got.values()} == {None}
    assert [(got[i]["score"], got[i]["score_bucket"]) for i in (1, 2)] == [(0.5, 10), (0.5, 10)]
    assert [got[i]["score"] for i in (3, 4)] == [0.25, 0.75]


# ---- keys -----------------------------------------------------------------------------------


def test_a_key_depends_on_content_not_on_names_and_only_a_changed_source_is_redone(
    spark, make_run, tmp_path
):
    listed = tmp_path / "i.txt"
    listed.write_text("n1\n")
    rules = {"gates": {"n_norm_words": {"min": 50}}, "score": []}

    def run_with(limit, name="mine"):
        run = make_run({
            "sources": {
                "web": {"path": "x", "rules": name, "exclude": {"ids": str(listed)}},
                "books": {"path": "y"},
            },
            "rules": {name: rules, "books": {"gates": {"n_lines": {"max": limit}}, "score": []}},
        })  # fmt: skip
        rows = [document(1, n_lines=5), document(2, "books", n_lines=5)]
        documents = [{"doc_id": 1, "source": "web", "native_id": "n1"},
                     {"doc_id": 2, "source": "books", "native_id": "n1"}]  # fmt: skip
        if not run.pool.held(SIGNALS_TABLE, ["profile-web"]):
            prepare(spark, run, rows, documents)
        name_units(run)
        return run

    first = run_with(9)
    run_stage(first, STAGE)
    first.scratch.clear()
    web, books = first.keys("score")
    run = run_with(3, name="other")
    run_stage(run, STAGE)
    assert run.keys("score")[0] == web
    assert run.keys("score")[1] != books
    assert run.records[-1].n_reused == 1
    assert {r["doc_id"]: r["drop_gate"] for r in run.read(SCORES, "score").collect()} == {
        1: "exclude", 2: "n_lines",
    }  # fmt: skip
    listed.write_text("# none\n")
    assert STAGE.plan(run_with(3))[0].key != web
