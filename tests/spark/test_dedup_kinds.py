"""match and resolve with shingles of characters, and of letters in scripts without spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.dedup_world import Doc, clique, deduplicate, removals, sequential, with_ids

if TYPE_CHECKING:
    from mixcore.runtime.stage import Run

MakeRun = Callable[..., "Run"]
HAN, THAI = "的一是不了人我在有他这中大来上国", "กขคงจฉชซดตถทนบปผพมยรลวสหอ"


def letters(seed: int, alphabet: str, n: int) -> list[str]:
    """Letters at random with a mark or a space every twelve; no space between words."""
    picked = np.random.default_rng(seed).integers(0, len(alphabet), n)
    return [alphabet[k] + ("。" if i % 24 == 11 else " " if i % 24 == 23 else "")
            for i, k in enumerate(picked)]  # fmt: skip


def copies(seed: int, alphabet: str, n: int) -> list[Doc]:
    """A text and `n` copies, each with one letter changed."""
    base = letters(seed, alphabet, 400)
    docs = [Doc(0, "".join(base))]
    for i in range(n):
        copy = list(base)
        copy[37 * (i + 1)] = "x"
        docs.append(Doc(0, "".join(copy)))
    return docs


def world() -> list[Doc]:
    docs = [d for seed in range(4) for d in copies(seed, HAN, 3) + copies(50 + seed, THAI, 2)]
    docs += [d for seed in range(3) for d in clique(3, seed)]
    docs += [Doc(0, "".join(letters(90 + i, HAN, 300))) for i in range(5)]
    docs += [Doc(0, t) for t in ("中文", "日本", "中 文", "กิน", "กิน", "ab", "...")]
    return with_ids(docs)


@pytest.mark.parametrize(
    ("shingle", "n_near"),
    [({"words": 5, "scripts": "all"}, 26), ({"chars": 12}, 26)],
)
def test_same_as_the_sequential_rule(make_run: MakeRun, shingle: dict[str, Any], n_near: int):
    docs = world()
    near = {"near": {"shingle": shingle}}
    sources = {"web": {"path": "web/*.jsonl"}}
    run = make_run({"sources": sources, "dedup": near, "stop_if": {"removed_by_dedup": 1.0}})
    found = removals(deduplicate(run, docs))
    assert found == sequential(run, docs, lambda d: -d.bucket)
    assert sum(kind == "near" for _, kind, _ in found.values()) == n_near
    text = {d.id: d.text for d in docs}
    exact = [{text[i], text[k]} for i, (k, kind, _) in found.items() if kind == "exact"]
    assert exact == [{"กิน"}]  # short texts are matched by their whole text alone
