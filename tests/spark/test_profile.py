"""The stage `profile` on small documents: units, keys, and independence of how rows lie."""

from __future__ import annotations

import json

import pytest
from pyspark.sql import functions as F

from mixcore.profile.stage import STAGE, params, plan, profile_spec
from mixcore.profile.transform import profile
from mixcore.recipe.models import Recipe
from mixcore.runtime.errors import RecipeError
from mixcore.runtime.stage import Unit, run_stage
from mixcore.runtime.tables import DOCUMENTS, SIGNALS_TABLE
from mixcore.text.bands import BandPlan

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
]
DOCS = [
    (f"ingest-{i % 2}", i, ("web", "books")[i % 2], None, "f", 0, "EN" if i % 3 else None,
     " ".join(WORDS[(i * k) % 12] for k in range(1, 4 + i)))
    for i in range(60)
]  # fmt: skip
RECIPE = {
    "sources": {"web": {"path": "web.jsonl"}, "books": {"path": "books.jsonl"}},
    "tokens": {"tokenizer": "words"},
}


def units():
    return [
        Unit("ingest-0", "web/0", "web", data="files"),
        Unit("ingest-1", "books/0", "books", data="files"),
    ]


def with_documents(run):
    documents = run.spark.createDataFrame(DOCS, DOCUMENTS.schema)
    run.pool.write(DOCUMENTS, documents, ["ingest-0", "ingest-1"], {})
    run.units["ingest"] = units()
    return run


COMMENTS = {"max": 0.8, "on_missing": "keep"}


def rows_of(df):
    return sorted(json.dumps(r.asDict(True), default=bytes.hex) for r in df.collect())


def test_two_sources_are_profiled_once_each(make_run):
    run = with_documents(make_run(RECIPE))
    run_stage(run, STAGE)
    found = run.units["profile"]
    assert [(u.label, u.source, u.reads) for u in found] == [
        ("web/0", "web", ("ingest-0",)),
        ("books/0", "books", ("ingest-1",)),
    ]
    rows = {r["doc_id"]: r for r in run.read(SIGNALS_TABLE, "profile").collect()}
    assert sorted(rows) == list(range(60))
    for key, doc_id, source, _, _, _, language, text in DOCS:
        row = rows[doc_id]
        assert row["key"] == found[int(key[-1])].key
        assert (row["source"], row["status"]) == (source, "ok")
        assert row["language"] == ("en" if language else "und")
        assert row["n_tokens"] == len(text.split())
        assert row["signals"]["n_bytes"] == len(text)
        assert len(row["bands"]) == (96 if row["n_tokens"] >= 5 else 0)

    before = run.records[-1]
    run_stage(run, STAGE)
    assert (before.status, run.records[-1].status) == ("done", "reused")


def test_a_failed_document_is_a_row(make_run, tmp_path):
    """A tokenizer without [UNK] raises on words it does not know."""
    import tokenizers

    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    run = make_run({**RECIPE, "tokens": {"tokenizer": str(tmp_path / "tokenizer.json")}})
    spec = profile_spec(run.recipe)
    (tmp_path / "tokenizer.json").unlink()  # workers have its content
    bad = ("ingest-0", 99, "web", None, "f", 0, "DE", "alpha unknown beta")
    documents = run.spark.createDataFrame([*DOCS[:10], bad], DOCUMENTS.schema).coalesce(1)
    rows = {
        r["doc_id"]: r
        for r in profile(documents, spec, {"ingest-0": "a", "ingest-1": "b"}).collect()
    }
    assert rows[99]["status"] == "failed"
    assert (rows[99]["key"], rows[99]["language"], rows[99]["n_tokens"]) == ("a", "de", None)
    assert [rows[d[1]]["n_tokens"] for d in DOCS[:10]] == [len(d[7].split()) for d in DOCS[:10]]


def test_signals_on_demand_are_of_the_source_whose_rules_name_them(spark):
    rules = {"web": {"preset": "fineweb"}, "books": {"gates": {"comment_frac": COMMENTS}}}
    spec = profile_spec(recipe(rules=rules))
    files = [(*d[:3], f"a/{d[1]}.py", *d[4:7], "x = 1  # c") for d in DOCS[-4:]]
    documents = spark.createDataFrame([*DOCS[:4], *files], DOCUMENTS.schema)
    rows = profile(documents, spec, {"ingest-0": "a", "ingest-1": "b"}).collect()
    assert {r["source"] for r in rows} == {"web", "books"}
    for row in rows:
        is_web = row["source"] == "web"
        assert (row["signals"]["n_sentences__fineweb"] is not None) == is_web
        assert (row["signals"]["n_stopword_kinds__datatrove"] is not None) == is_web
        is_code = not is_web and row["doc_id"] >= 56
        assert row["signals"]["comment_frac"] == (pytest.approx(0.3) if is_code else None)
        assert row["signals"]["kept_extension__starcoder"] is None


def test_partitions_and_batches_change_nothing(spark):
    spec = profile_spec(recipe(rules={"web": {"preset": ["fineweb", "opencoder"]}}))
    keys = {"ingest-0": "a", "ingest-1": "b"}
    expected = None
    for partitions, records in ((1, "10000"), (3, "7"), (16, "1")):
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", records)
        try:
            documents = spark.createDataFrame(DOCS, DOCUMENTS.schema)
            got = rows_of(profile(documents.repartition(partitions, F.hash("doc_id")), spec, keys))
        finally:
            spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10000")
        expected = expected or got
        assert got == expected


def recipe(**changes):
    base = {"version": 1, "output": {"path": "out"}, **RECIPE}
    return Recipe.model_validate({**base, **changes})


def key_params(r):
    return params(r, profile_spec(r), "web")


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"seed": 1}, True),
        ({"rules": {"web": "none"}}, True),
        ({"rules": {"web": {"gates": {"n_words": {"min": 5}}}}}, True),
        ({"rules": {"web": {"preset": "gopher@datatrove"}}}, False),
        ({"rules": {"books": {"preset": "gopher@datatrove"}}}, True),  # of the other source
        ({"rules": {"web": {"score": [{"signal": "hash_word_ratio@datatrove"}]}}}, False),
        ({"dedup": {"prefer": []}}, True),
        ({"dedup": {"exact": {"ignore": ["whitespace", "whitespace"]}}}, True),
        ({"dedup": {"near": {"min_recall": 0.9901}}}, True),  # the same 12 x 5
        ({"dedup": {"near": {"min_recall": 0.999}}}, False),
        ({"dedup": {"near": {"shingle": {"words": 4}}}}, False),
        ({"dedup": {"near": "none"}}, False),
        ({"dedup": {"exact": "none"}}, False),
        ({"dedup": "none"}, False),
        ({"tokens": {"tokenizer": "bytes"}}, False),
        ({"tokens": {"tokenizer": "words", "extra_per_document": 1}}, True),
    ],
)
def test_what_the_key_depends_on(changes, same):
    assert (key_params(recipe(**changes)) == key_params(recipe())) == same


def test_the_default_bands():
    assert profile_spec(recipe()).plan == BandPlan(12, 5)
    assert profile_spec(recipe(dedup="none")).plan.bands == 0


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"tokens": {"tokenizer": "bpe:gpt9"}}, "tokens.tokenizer"),
        ({"tokens": {"tokenizer": "no/such/file.json"}}, "tokens.tokenizer"),
        ({"dedup": {"near": {"min_jaccard": 0.8, "bands": 1}}}, "dedup.near"),
    ],
)
def test_what_cannot_be_profiled_is_refused(changes, where):
    with pytest.raises(RecipeError, match=where):
        profile_spec(recipe(**changes))


def test_every_unit_has_its_own_key(make_run):
    run = make_run(RECIPE)
    run.units["ingest"] = units()
    keys = [u.key for u in plan(run)]
    assert len(set(keys)) == 2
    assert [u.key for u in plan(run)] == keys
