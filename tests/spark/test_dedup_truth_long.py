"""spamassassin against its truth file; too large for the repository, so only in the long run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dedup_world import check_truth

DATA = Path(os.environ.get("CORPUS_DIR", Path(__file__).parents[2].parent / "shared" / "data"))


@pytest.mark.long
def test_spamassassin_against_the_truth(make_run: Callable[..., Any]) -> None:
    corpus = DATA / "email" / "spamassassin.jsonl.gz"
    truth = DATA / "neardup" / "truth_spamassassin.csv.gz"
    for path in (corpus, truth):
        if not path.is_file():
            pytest.fail(f"{path} is absent: set CORPUS_DIR to the directory of the corpora")
    run = make_run({"sources": {"web": {"path": "x.jsonl"}}, "stop_if": {"removed_by_dedup": 1.0}})
    check_truth(run, corpus, truth)
