"""One raw row in, one verdict out: every format, every reason, every trap."""

from __future__ import annotations

import bz2
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyspark.sql import functions as F

from mixcore.ingest.stage import STAGE
from mixcore.runtime.errors import ContractError, RecipeError
from mixcore.runtime.stage import run_stage
from mixcore.runtime.tables import DOCUMENTS, FILES, QUARANTINE

ANY = {"stop_if": {"rejected_rows": 1.0}}
LINES = [
    (b'{"id": "good", "text": "fine"}', None),
    (b'\xef\xbb\xbf{"id": "bom", "text": "fine"}', None),
    (b'{"id": "crlf", "text": "fine"}\r', None),
    (b' {"id": "spaces", "text": "fine"} \t', None),
    (b"", "blank"),
    (b" \t\r", "blank"),
    (b'{"id": 7, "text": "a number as id"}', None),
    (b'{"id": "emoji", "text": "\\ud83d\\ude00"}', None),
    (b'{"id": "literal", "text": "a \\\\ud800 escape"}', None),
    (b'{"id": "elsewhere", "text": "fine", "other": "\\ud800"}', None),
    (b'{"id": "bracket", "text": "[1] a note"}', None),
    (b'{"id": "nan", "text": "fine", "score": NaN}', None),
    (b'{"id": "question", "text": "\\u003f?"}', None),
    (b'{"id": "broken", "text": "fine"', "not_json"),
    (b'{"id": "two", "text": "a"}{"id": "three", "text": "b"}', "not_json"),
    (b'{"id": "two", "text": "a"},{"id": "three", "text": "b"}', "not_json"),
    (b'{"id": "tail", "text": "a"} x', "not_json"),
    (b'{"id": "bracket2", "text": "a"}]', "not_json"),
    (b'[{"id": "array", "text": "a"}]', "not_json"),
    (b"5", "not_json"),
    (b"null", "not_json"),
    (b"{'id': 'quotes', 'text': 'a'}", "not_json"),
    (b'{"id": "null", "text": null}', "no_text"),
    (b'{"id": "missing"}', "no_text"),
    (b"{}", "no_text"),
    (b'{"id": "list", "text": ["a", "b"]}', "no_text"),
    (b'{"id": "map", "text": {"a": 1}}', "no_text"),
    (b'{"id": "empty", "text": ""}', "empty"),
    ('{"id": "white", "text": " \\n\\t\u3000\u2028\\u001f"}'.encode(), "empty"),
    (json.dumps({"id": "long white", "text": " " * 90}).encode(), "empty"),
    (b'{"id": "latin1", "text": "caf\xe9"}', "invalid_utf8"),
    (b'{"id": "cesu", "text": "\xed\xa0\x80"}', "invalid_utf8"),
    (b'{"id": "high", "text": "a \\ud800 b"}', "lone_surrogate"),
    (b'{"id": "low", "text": "a \\uDC00"}', "lone_surrogate"),
    (b'{"id": "lone \\udbff", "text": "in the id"}', "lone_surrogate"),
    (b'{"id": "twice", "text": "\\ud83d\\ud83d\\ude00"}', "lone_surrogate"),
    (json.dumps({"id": "large", "text": "x" * 101}).encode(), "too_large"),
    (json.dumps({"id": "just", "text": "x" * 100}).encode(), None),
]


def ingest(run):
    try:
        run_stage(run, STAGE)
    finally:
        run.scratch.clear()
    return run


def documents(run):
    return run.read(DOCUMENTS, "ingest").collect()


def quarantine(run):
    return run.read(QUARANTINE, "ingest").orderBy("reason", "file", "raw").collect()


def files(run):
    names = ["rows_read", "n_documents", "n_identical", "n_quarantined"]
    rows = run.read(FILES, "ingest").orderBy("file").collect()
    return {r["file"].rsplit("/", 1)[-1]: tuple(r[n] for n in names) for r in rows}


def jsonl(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_every_line_gets_its_verdict(make_run, tmp_path):
    path = tmp_path / "a b%20+é.jsonl"
    path.write_bytes(b"\n".join(line for line, _ in LINES))
    columns = {"text": "text", "id": "id"}
    source = {"path": str(path), "columns": columns, "max_document_bytes": 100}
    run = ingest(make_run({"sources": {"s": source}, **ANY}))
    good = [json.loads(line.decode("utf-8-sig")) for line, why in LINES if why is None]
    found = documents(run)
    assert {(r["native_id"], r["text"]) for r in found} == {(str(g["id"]), g["text"]) for g in good}
    assert len(found) == len(good)
    assert all(r["n_bytes"] == len(r["text"].encode()) for r in found)
    assert {r["file"] for r in found} == {str(path)}
    bad = [(line, why) for line, why in LINES if why not in (None, "blank")]
    raw = {line.decode("utf-8", "replace"): why for line, why in bad}
    assert {r["raw"]: r["reason"] for r in quarantine(run)} == raw
    assert all(r["detail"] for r in quarantine(run))
    assert files(run) == {path.name: (len(good) + len(bad), len(good), 0, len(bad))}


def test_ids_are_the_documented_hashes(make_run, tmp_path, spark):
    path = jsonl(tmp_path / "s.jsonl", {"id": "i", "text": "t"}, {"id": None, "text": "u"})
    run = ingest(make_run({"sources": {"s": {"path": str(path), "columns": {"id": "id"}}}}))
    expected = spark.range(1).select(
        F.xxhash64(F.lit("s"), F.lit("i")), F.xxhash64(F.lit("s"), F.lit("u"))
    )
    assert {r["doc_id"] for r in documents(run)} == set(expected.collect()[0])


def test_compression_and_columns(make_run, tmp_path):
    line = b'{"text": "%s", "meta": {"lang": "de", "tags": [1, 2]}, "n": 1.50}\n'
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.jsonl").write_bytes(line % b"plain")
    (tmp_path / "d/b.jsonl.gz").write_bytes(gzip.compress(line % b"gz"))
    (tmp_path / "d/c.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(line % b"zst"))
    (tmp_path / "d/d.jsonl.bz2").write_bytes(bz2.compress(line % b"bz2"))
    (tmp_path / "d/e.jsonl").write_bytes(b"")
    columns = {"language": "meta.lang", "tags": "meta.tags", "n": "n", "none": "gone"}
    source = {"path": f"{tmp_path}/d", "format": "jsonl", "columns": columns, "language": "en"}
    run = ingest(make_run({"sources": {"s": source}}))
    rows = {(r["text"], r["language"], r["tags"], r["n"], r["none"]) for r in documents(run)}
    assert rows == {(t, "de", "[1,2]", "1.5", None) for t in ("plain", "gz", "zst", "bz2")}
    assert files(run)["e.jsonl"] == (0, 0, 0, 0)


def test_parquet_columns_of_any_type_and_a_column_that_some_files_lack(make_run, tmp_path):
    (tmp_path / "p").mkdir()
    pq.write_table(
        pa.table({"body": ["one", None], "id": [1, 2], "meta": [{"lang": "en"}, {"lang": "de"}]}),
        tmp_path / "p/a.parquet",
    )
    pq.write_table(
        pa.table({"body": pa.array([b"two", b"caf\xe9"]), "id": [3, 4], "tags": [["x"], ["y"]]}),
        tmp_path / "p/b.parquet",
    )
    columns = {"text": "body", "id": "id", "language": "meta.lang", "tags": "tags"}
    recipe = {"sources": {"s": {"path": f"{tmp_path}/p", "columns": columns}}, **ANY}
    with pytest.raises(ContractError, match="disagree on the type"):
        ingest(make_run(recipe))
    bodies = pa.array([b"one", None], pa.binary())
    meta = [{"lang": "en"}, {"lang": "de"}]
    pq.write_table(pa.table({"body": bodies, "id": [1, 2], "meta": meta}), tmp_path / "p/a.parquet")
    run = ingest(make_run(recipe))
    rows = {(r["native_id"], r["text"], r["language"], r["tags"]) for r in documents(run)}
    assert rows == {("1", "one", "en", None), ("3", "two", None, '["x"]')}
    assert [(r["reason"], json.loads(r["raw"])["id"]) for r in quarantine(run)] == [
        ("invalid_utf8", "4"),
        ("no_text", "2"),
    ]
    recipe["sources"]["s"]["columns"] = {"text": "bodi"}
    with pytest.raises(RecipeError, match="nearest: body"):
        ingest(make_run(recipe))


def test_delta_by_path_and_version(make_run, tmp_path, spark):
    where = str(tmp_path / "table")
    rows = spark.createDataFrame([("a", 1)], "text string, n int")
    rows.write.format("delta").save(where)
    first = ingest(make_run({"sources": {"s": {"path": f"delta:{where}"}}}))
    rows.withColumn("text", F.lit("b")).write.format("delta").mode("append").save(where)
    latest = ingest(make_run({"sources": {"s": {"path": f"delta:{where}", "columns": {"n": "n"}}}}))
    assert {(r["text"], r["n"]) for r in documents(latest)} == {("a", "1"), ("b", "1")}
    assert latest.read(FILES, "ingest").collect()[0]["file"] == f"delta:{where}@1"
    again = make_run({"sources": {"s": {"path": f"delta:{where}@0"}}})
    run_stage(again, STAGE)
    assert again.records[-1].status == "reused"
    assert again.keys("ingest") == first.keys("ingest")
    with pytest.raises(RecipeError, match="no Delta table here"):
        ingest(make_run({"sources": {"s": {"path": f"delta:{where}x"}}}))


def test_whole_files(make_run, tmp_path):
    code = tmp_path / "code"
    (code / "m").mkdir(parents=True)
    (code / "__init__.py").write_bytes(b"a = 1\r\nb = 2\rc\n")
    (code / "m/[id].py").write_bytes(b"\xef\xbb\xbfx")
    (code / "m/co:lon.py").write_bytes(b"y")
    (code / "m/z.py.gz").write_bytes(gzip.compress(b"zipped"))
    (code / "empty.py").write_bytes(b"")
    (code / "blank.py").write_bytes(b" \n")
    (code / "latin.py").write_bytes(b"caf\xe9")
    (code / "large.py").write_bytes(b"x" + "é".encode() * 50)
    source = {"path": f"{code}/**", "format": "files", "max_document_bytes": 100, "language": "py"}
    run = ingest(make_run({"sources": {"s": source}, **ANY}))
    assert {(r["native_id"], r["text"], r["language"]) for r in documents(run)} == {
        ("__init__.py", "a = 1\r\nb = 2\rc\n", "py"),
        ("m/[id].py", "x", "py"),
        ("m/co:lon.py", "y", "py"),
        ("m/z.py.gz", "zipped", "py"),
    }
    assert {(r["file"].rsplit("/", 1)[-1], r["reason"]) for r in quarantine(run)} == {
        ("blank.py", "empty"),
        ("latin.py", "invalid_utf8"),
        ("large.py", "too_large"),
    }
    assert files(run)["empty.py"] == (0, 0, 0, 0)


def test_placeholders_become_columns(make_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for dump in ("2024-10", "2024 18"):
        jsonl(tmp_path / f"cc/{dump}/x=1/a.jsonl", {"text": dump})
    run = ingest(make_run({"sources": {"s": {"path": "cc/{dump}/x={part}/*.jsonl"}}}))
    assert {(r["text"], r["dump"], r["part"], r["file"]) for r in documents(run)} == {
        (d, d, "1", f"cc/{d}/x=1/a.jsonl") for d in ("2024-10", "2024 18")
    }


@pytest.mark.parametrize("name", ["bad.jsonl.gz", "bad.parquet", "bad.txt.gz"])
def test_a_damaged_file_fails_or_is_set_aside(make_run, tmp_path, name):
    rows = [{"text": f"document {i}", "id": i} for i in range(300)]
    lines = "".join(json.dumps(r) + "\n" for r in rows).encode()
    fmt = {"l": "jsonl", "p": "parquet", "t": "files"}[name[4:].replace("jsonl", "l")[0]]
    folder = tmp_path / "d"
    folder.mkdir()
    good, bad = folder / name.replace("bad", "good"), folder / name
    if fmt == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), good)
    else:
        good.write_bytes(gzip.compress(lines))
    bad.write_bytes(good.read_bytes()[:-20])
    source = {"path": str(folder), "format": fmt}
    with pytest.raises(ContractError, match=name):
        ingest(make_run({"sources": {"s": source}}))
    run = ingest(make_run({"sources": {"s": {**source, "on_corrupt_file": "quarantine"}}}))
    n = 1 if fmt == "files" else 300
    assert len(documents(run)) == n
    assert files(run) == {good.name: (n, n, 0, 0), bad.name: (0, 0, 0, 0)}
    assert [(r["file"], r["reason"]) for r in quarantine(run)] == [(str(bad), "corrupt_file")]
