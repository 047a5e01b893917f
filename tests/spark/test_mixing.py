"""The mix stage: exact, nested, stable, partition-independent; its messages."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from mixcore.mixing.select import cut_points, targets_frame, unsigned_order
from mixcore.mixing.stage import STAGE
from mixcore.runtime.errors import ContractError
from mixcore.runtime.tables import MIXTURE, MIXTURE_CUTOFFS
from tests.spark.mixing_data import (
    SOURCES,
    Doc,
    MakeRun,
    chosen,
    corpus,
    doc_id,
    fill,
    go,
    rows,
    tokens,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def recipe(mix: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"sources": SOURCES, **({"mix": mix} if mix else {}), **more}


# ---- cut points against the obvious twin ------------------------------------------------------


def slow_cut(data: list[tuple[int, int, int]], rest: int, cut: str) -> tuple[int, int]:
    """(rows taken, units taken) by trying every prefix of the sorted rows."""
    ordered = sorted(r for r in data if r[2] > 0)
    sums = [0, *itertools.accumulate(u for _, _, u in ordered)]
    if cut == "nearest":
        best = min(range(len(sums)), key=lambda j: (abs(sums[j] - rest), j))
    else:
        best = max(j for j in range(len(sums)) if sums[j] <= rest)
    return best, sums[best]


@pytest.mark.parametrize("cut", ["nearest", "below"])
def test_cut_points_equal_trying_every_prefix(spark: SparkSession, cut: Any) -> None:
    data, targets = [], {}
    for s in range(40):
        docs = corpus(3 + 7 * s, "web", salt=str(s), mean=1 + s)
        total = sum(d.tokens for d in docs)
        targets[f"s{s}"] = max(1, total * (s + 1) // 41)
        data += [(f"s{s}", d.id, d.id % 5, d.tokens) for d in docs]
    data += [("s0", doc_id(99), 1, 0)]
    frame = spark.createDataFrame(data, "stratum STRING, raw LONG, id LONG, units LONG")
    frame = frame.select("stratum", unsigned_order(F.col("raw")).alias("order"), "id", "units")
    want: dict[str, list[tuple[int, int, int]]] = {}
    for r in frame.collect():
        want.setdefault(r["stratum"], []).append((r["order"], r["id"], r["units"]))
    for bits in (12, 3):
        found = cut_points(frame, targets_frame(spark, targets), bits=bits, cut=cut).collect()
        assert len(found) == len(targets)
        for r in found:
            stratum = want[r["stratum"]]
            n = sum(
                1
                for o, i, u in stratum
                if u and r["hash"] is not None and (o, i) <= (r["hash"], r["id"])
            )
            assert (n, r["taken"]) == slow_cut(stratum, targets[r["stratum"]], cut)


# ---- the stage --------------------------------------------------------------------------------

POOL = [*corpus(600, "web"), *corpus(300, "books", mean=400), *corpus(60, "code", mean=50)]
TOTAL = {s: sum(d.tokens for d in POOL if d.source == s) for s in SOURCES}
BUDGET = 50_000
MIX = {
    "budget": {"tokens": BUDGET},
    "max_epochs": 4,
    "domains": {"web": {"weight": 60}, "books": {"weight": 30}, "code": {"weight": 10}},
}


def test_every_stratum_is_exact_to_half_its_boundary_document(make_run: MakeRun) -> None:
    run = go(fill(make_run(recipe(MIX)), POOL, delta=True), STAGE)
    picks, got = chosen(run)
    assert rows(
        run.output.read(MIXTURE).select("doc_id", "domain", "copies", "n_tokens")
    ) == sorted(((i, *row) for i, row in picks.items()), key=repr)
    assert rows(run.output.read(MIXTURE_CUTOFFS)) == sorted(map(tuple, got.values()), key=repr)
    for name, share in (("web", 0.6), ("books", 0.3), ("code", 0.1)):
        row, achieved = got[name], tokens(picks)[name]
        assert row["target"] == round(BUDGET * share)
        assert row["available"] == TOTAL[name]
        assert row["achieved"] == achieved
        assert abs(achieved - row["target"]) <= row["boundary"] / 2
        assert row["epochs"] == pytest.approx(achieved / TOTAL[name])
        full = row["target"] // TOTAL[name]
        assert row["cutoff"]["full_epochs"] == full
        assert {c for d, c, _ in picks.values() if d == name} <= {full or 1, full + 1}
    first = run.output.read(MIXTURE).where("domain = 'web'").first()
    assert (first["phase"], first["score_bucket"]) == ("main", 10)
    assert STAGE.key(run) == run.output.latest(MIXTURE)[1]["key"]

    go(run, STAGE)
    assert [r.status for r in run.records] == ["done", "reused"]
    broken = run.output.read(MIXTURE_CUTOFFS).withColumn("achieved", F.col("target") * 2)
    run.output.write(MIXTURE_CUTOFFS, run.scratch.keep(broken, "x"), {"key": STAGE.key(run)})
    with pytest.raises(ContractError, match="misses its targets"):
        go(run, STAGE)


def test_same_rows_whatever_the_partitions_and_the_order(make_run: MakeRun) -> None:
    run = make_run(recipe(MIX))
    found = [
        chosen(fill(run, POOL, partitions=partitions, shuffle=shuffle))
        for partitions, shuffle in ((1, None), (7, 3), (64, 4))
    ]
    assert found[0] == found[1] == found[2]


def test_nested_in_the_budget_and_stable_when_the_pool_grows(make_run: MakeRun) -> None:
    run = fill(make_run(recipe(MIX)), POOL)
    small, _ = chosen(run)
    run.recipe = make_run(recipe({**MIX, "budget": {"tokens": BUDGET * 1.3}})).recipe
    large, _ = chosen(run)
    assert all(large[i][1] >= copies for i, (_, copies, _) in small.items())
    assert len(large) > len(small)

    only_web = {"budget": {"tokens": 20_000}, "domains": {"web": {"weight": 1}}}
    run.recipe = make_run(recipe(only_web)).recipe
    before = set(chosen(run)[0])
    added = corpus(60, "web", salt="new")
    after = set(chosen(fill(run, [*POOL, *added]))[0])
    gained, lost = after - before, before - after
    assert gained
    assert gained <= {d.id for d in added}
    assert 0 < len(lost) < len(before) / 4


def test_one_and_a_half_epochs_and_whole_ones(make_run: MakeRun) -> None:
    spec = {"domains": {"books": {"epochs": 1.5}, "code": {"epochs": 2}}}
    picks, got = chosen(fill(make_run(recipe(spec)), POOL))
    assert sum(1 for d, _, _ in picks.values() if d == "books") == 300
    assert {c for d, c, _ in picks.values() if d == "books"} == {1, 2}
    assert [c for d, c, _ in picks.values() if d == "code"] == [2] * 60
    assert tokens(picks)["code"] == 2 * TOTAL["code"]
    assert got["code"]["cutoff"]["hash"] is None
    off = abs(tokens(picks)["books"] - 1.5 * TOTAL["books"])
    assert off <= got["books"]["boundary"] / 2 + 0.5


def test_without_a_mix_every_survivor_comes_once(make_run: MakeRun) -> None:
    docs = [
        Doc(1), Doc(2, tokens=0), Doc(3, gate=("n_words", "3", "min 50")),
        Doc(4, cluster=4), Doc(5, cluster=4, kept=4), Doc(6, source="code"),
    ]  # fmt: skip
    picks, got = chosen(fill(make_run(recipe(None)), docs))
    assert picks == {
        1: ("web", 1, 10), 2: ("web", 1, 0), 4: ("web", 1, 10), 6: ("code", 1, 10),
    }  # fmt: skip
    assert got["web"]["epochs"] == 1.0


def test_domains_by_where_and_sources_and_divide(make_run: MakeRun) -> None:
    docs = []
    for i in range(400):
        language = ("en", "de", "fr", "en")[i % 4]
        topic = (None, "math", "law")[i % 3]
        docs.append(Doc(doc_id(i), "web" if i % 2 else "books", 10, language, topic))
    spec = {
        "budget": {"documents": 60},
        "domains": {
            "text": {
                "weight": 2,
                "sources": ["web", "books"],
                "where": "topic IS NULL OR topic <> 'math'",
                "divide": {"by": "language", "weights": {"en": 3, "de": 1}},
            },
            "maths": {
                "weight": 1,
                "where": "topic = 'math'",
                "divide": {"by": "source", "unimax": True},
            },
        },
    }
    run = fill(make_run(recipe(spec)), docs)
    picks, got = chosen(run)
    by_domain = {p: sum(1 for d, _, _ in picks.values() if d == p) for p in got}
    assert by_domain == {"text/en": 30, "text/de": 10, "maths/web": 10, "maths/books": 10}
    about = {d.id: d for d in docs}
    for i, (domain, _, _) in picks.items():
        assert (about[i].topic == "math") == domain.startswith("maths")
        assert domain.split("/")[1] in (about[i].language, about[i].source)

    by_topic = {"domains": {"web": {"epochs": 1, "divide": {"by": "topic", "proportional": True}}}}
    run.recipe = make_run(recipe(by_topic)).recipe
    assert set(chosen(run)[1]) == {"web/null", "web/math", "web/law"}


def test_units_and_sizes_of_budgets(make_run: MakeRun) -> None:
    docs = [Doc(i, tokens=10) for i in range(40)]
    run = fill(make_run(recipe(None)), docs)
    for budget, sample, want in (
        ({"fraction": 0.5}, None, 200),
        ({"tokens": 1}, None, 0),
        ({"tokens": 6}, None, 10),
        ({"tokens": 400}, None, 400),
        ({"tokens": 2000}, 0.1, 200),
        ({"bytes": 500}, None, None),
    ):
        spec = {"budget": budget, "domains": {"web": {"weight": 1}}}
        run.recipe, run.sample = make_run(recipe(spec)).recipe, sample
        picks, _ = chosen(run)
        if want is not None:
            assert sum(tokens(picks).values()) == want, budget
        else:
            size = sum(len(docs[i].text) for i in picks)
            assert abs(size - 500) <= len(docs[30].text) / 2


def test_one_stratum_with_nearly_everything_and_a_huge_document(make_run: MakeRun) -> None:
    docs = [*corpus(2000, "web"), *corpus(12, "code"), Doc(7, "web", 10**9), Doc(8, "code", 1)]
    spec = {
        "budget": {"tokens": 60_000},
        "domains": {"web": {"weight": 99}, "code": {"weight": 1}},
    }
    picks, got = chosen(fill(make_run(recipe(spec)), docs))
    for row in got.values():
        off = abs(tokens(picks).get(row["domain"], 0) - row["target"])
        assert off <= row["boundary"] / 2


def test_more_than_a_thousand_strata(make_run: MakeRun) -> None:
    docs = [Doc(doc_id(i), tokens=1 + i % 90, topic=f"t{i % 1200}") for i in range(6000)]
    spec = {
        "budget": {"fraction": 0.4},
        "domains": {"web": {"weight": 1, "divide": {"by": "topic", "proportional": True}}},
    }
    picks, got = chosen(fill(make_run(recipe(spec)), docs))
    found = tokens(picks)
    assert len(got) == 1200
    assert sum(r["target"] for r in got.values()) == int(0.4 * sum(d.tokens for d in docs))
    for path, row in got.items():
        assert found.get(path, 0) == row["achieved"]
        assert abs(row["achieved"] - row["target"]) <= row["boundary"] / 2


# ---- validation -------------------------------------------------------------------------------


def clustered() -> list[Doc]:
    """Clusters of 1, 2 and 3 survivors, some across sources."""
    docs = []
    for i in range(900):
        cluster = doc_id(i // 3, "c") if i % 9 < 6 else None
        source = "web" if i % 3 < 2 else "books"
        docs.append(Doc(doc_id(i), source, 10, cluster=cluster))
    return docs


@pytest.mark.parametrize("limit", [None, 150])
def test_validation_takes_whole_clusters(make_run: MakeRun, limit: int | None) -> None:
    docs = clustered()
    run = make_run(recipe(None, validation={"fraction": 0.1, "max_tokens_per_domain": limit}))
    picks, got = chosen(fill(run, docs))
    held = [d for d in docs if d.id not in picks]
    assert held
    inside = {d.cluster or d.id for d in docs if d.id in picks}
    assert not inside & {d.cluster or d.id for d in held}
    for source in ("web", "books"):
        n = sum(d.tokens for d in held if d.source == source)
        assert (40 if limit else 200) <= n <= (limit or 900)
    assert sum(r["available"] for r in got.values()) == 10 * len(picks)


# ---- refusals ---------------------------------------------------------------------------------

WEB, BOOKS = {"web": {"weight": 1}}, {"books": {"weight": 1}}


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"budget": {"tokens": 600}, "domains": {**WEB, **BOOKS}},
     ["binding: books", "largest feasible budget: 200", "3.000 epochs"]),
    ({"budget": {"tokens": 1e6}, "on_shortage": "redistribute", "domains": {**WEB, **BOOKS}},
     ["even with on_shortage: redistribute", "largest feasible budget: 1,100"]),
    ({"budget": {"tokens": 60}, "domains": {**WEB, "code": {"weight": 1}}},
     ["code: needs 30 of 0 available: it has no documents"]),
    ({"budget": {"tokens": 60}, "domains": {"web": {"weight": 1, "divide": {
        "by": "language", "weights": {"en": 1, "xx": 1}}}}},
     ["web/xx", "no documents"]),
    ({"budget": {"tokens": 60}, "domains": {**WEB, "all": {"weight": 1, "where":
        "source IN ('web', 'books')"}}},
     ["several domains", "web, all: 100 documents, e.g. doc_id 0"]),
]  # fmt: skip


def test_shortages_and_overlaps(make_run: MakeRun) -> None:
    docs = [*(Doc(i) for i in range(100)), *(Doc(1000 + i, "books") for i in range(10))]
    run = fill(make_run(recipe(None)), docs)
    for spec, parts in REFUSED:
        run.recipe = make_run(recipe(spec)).recipe
        with pytest.raises(ContractError) as caught:
            chosen(run)
        assert all(part in str(caught.value) for part in parts), str(caught.value)
    for policy, want in (
        ("redistribute", {"web": 500, "books": 100}),
        ("shrink", {"web": 100, "books": 100}),
    ):
        spec = {"budget": {"tokens": 600}, "on_shortage": policy, "domains": {**WEB, **BOOKS}}
        run.recipe = make_run(recipe(spec)).recipe
        assert tokens(chosen(run)[0]) == want
