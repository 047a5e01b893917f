"""A batch profiled: columns, independence of neighbours, documents that fail."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mixcore.text import profile_batch as module
from mixcore.text.bands import NO_BANDS, BandPlan
from mixcore.text.minhash import minhash
from mixcore.text.profile_batch import PROFILE_SCHEMA, ProfileSpec, profile_batch
from mixcore.text.tokens import Counter

LONG = "The committee will meet on the first Tuesday of every month in room twelve."
SPEC = ProfileSpec("words", plan=BandPlan(12, 5), exact_ignore=("whitespace",))


def batch(*rows):
    """Rows (doc_id, language, text)."""
    ids, languages, texts = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.record_batch({
        "doc_id": pa.array(ids, pa.int64()),
        "source": pa.array(["web"] * len(ids), pa.string()),
        "language": pa.array(languages, pa.string()),
        "text": pa.array(texts, pa.string()),
    })  # fmt: skip


def test_columns_of_a_document():
    got = profile_batch(batch((7, "EN", LONG), (8, None, "a b"), (9, "", "...")), SPEC)
    assert got.schema == PROFILE_SCHEMA
    rows = got.to_pylist()
    assert [r["status"] for r in rows] == ["ok"] * 3
    assert [r["language"] for r in rows] == ["en", "und", "und"]
    assert [r["n_tokens"] for r in rows] == [14, 2, 1]
    assert [r["n_shingles"] for r in rows] == [10, 1, 0]
    assert [len(r["content_hash"]) for r in rows] == [16] * 3
    assert [len(r["bands"]) for r in rows] == [12 * 8, 0, 0]
    assert [len(r["sketch"]) for r in rows] == [64, 0, 0]
    keys = np.frombuffer(rows[0]["bands"], ">u8")
    assert keys.tolist() == minhash(pa.array([LONG]), 5, BandPlan(12, 5)).band_keys[0].tolist()


@pytest.mark.parametrize(
    ("change", "nulls"),
    [
        ({"plan": NO_BANDS}, {"n_shingles"}),
        ({"exact_ignore": None}, {"content_hash"}),
        ({"outputs": "signals"}, {"n_shingles", "content_hash"}),
        ({"outputs": "dedup"}, {"signals"}),
    ],
)
def test_what_is_not_wanted_is_null(change, nulls):
    spec = ProfileSpec(**{"tokenizer": "bytes", "plan": BandPlan(12, 5), **change})
    row = profile_batch(batch((1, None, LONG)), spec).to_pylist()[0]
    found = {name for name in ("n_shingles", "content_hash", "signals") if row[name] is None}
    assert found == nulls
    assert bool(row["bands"]) == bool(row["sketch"]) == ("n_shingles" not in nulls)


def test_neighbours_change_nothing():
    rows = [(i, None, LONG[i:] + f" number {i} é中 " * (i % 3)) for i in range(30)]
    whole = profile_batch(batch(*rows), SPEC)
    alone = [profile_batch(batch(r), SPEC) for r in rows]
    assert whole.to_pylist() == [b.to_pylist()[0] for b in alone]
    assert profile_batch(batch(*rows).slice(11, 7), SPEC).to_pylist() == whole.to_pylist()[11:18]


def test_each_source_gets_the_groups_its_rules_name():
    texts = [LONG, "a b", LONG * 2, "c", LONG]
    sources = ["web", "books", "web", "code", "books"]
    rows = pa.record_batch({
        "doc_id": pa.array(range(5), pa.int64()),
        "source": pa.array(sources),
        "language": pa.nulls(5, pa.string()),
        "text": pa.array(texts),
    })  # fmt: skip
    spec = ProfileSpec("bytes", groups=(("web", ("datatrove",)),))
    got = [r["signals"] for r in profile_batch(rows, spec).to_pylist()]
    assert [r["n_bytes"] for r in got] == [len(t) for t in texts]
    held = [r["n_nonsymbol_words__datatrove"] for r in got]
    assert held == [14, None, 28, None, None]
    alone = [profile_batch(rows.slice(i, 1), spec).to_pylist()[0]["signals"] for i in range(5)]
    assert alone == got


def test_names_of_files_tell_the_language():
    rows = pa.record_batch({
        "doc_id": pa.array(range(3), pa.int64()),
        "source": pa.array(["code", "web", "code"]),
        "native_id": pa.array(["a/x.py", "y.py", "z"]),
        "language": pa.array([None, "en", "c++"], pa.string()),
        "text": pa.array(["x = 1  # c", "# not code", "int i;  // c"]),
    })  # fmt: skip
    spec = ProfileSpec("bytes", groups=(("code", ("code",)),))
    got = [r["signals"]["comment_frac"] for r in profile_batch(rows, spec).to_pylist()]
    assert got == [np.float32(0.3), None, np.float32(4 / 12)]


def test_no_documents():
    assert profile_batch(batch(), SPEC).num_rows == 0


def test_only_the_document_that_raises_fails(monkeypatch, caplog):
    def count(text):
        if any("poison" in s for s in text.to_pylist()):
            raise RuntimeError("native library gave up")
        return np.ones(len(text), np.int64)

    monkeypatch.setattr(module, "make_counter", lambda *_: Counter("words", count))
    rows = profile_batch(batch((1, "de", LONG), (2, "de", "poison"), (3, None, LONG)), SPEC)
    got = rows.to_pylist()
    assert [r["status"] for r in got] == ["ok", "failed", "ok"]
    assert got[1] == {
        **dict.fromkeys(PROFILE_SCHEMA.names),
        "doc_id": 2, "source": "web", "status": "failed", "language": "de",
    }  # fmt: skip
    assert got[0]["bands"] == got[2]["bands"] != b""
    assert "doc_id=2" in caplog.text
    assert "poison" not in caplog.text


def test_an_unknown_tokenizer_is_no_documents_fault():
    with pytest.raises(ValueError, match="none of bytes"):
        profile_batch(batch((1, None, LONG)), ProfileSpec("no/such.json"))
