"""Promise 6: kill the driver anywhere, run again, get the tables of an undisturbed run.

The driver (with its JVM and Python workers) runs as a process group of its own and gets SIGKILL
when a file appears that marks the point: a commit of a table (between stages) or a data file whose
commit has not happened yet (inside a stage). Nothing in mixcore knows of these tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from ruamel.yaml import YAML

from mixcore.runtime.tables import CORPUS, DROPPED, MIXTURE, MIXTURE_CUTOFFS, VALIDATION
from tests import corpora

ROOT = Path(__file__).parents[2]
TABLES = (MIXTURE_CUTOFFS, MIXTURE, DROPPED, VALIDATION, CORPUS)
SHORT = (
    "out/pool/documents/key=*/*.parquet",
    "out/pool/signals/_delta_log/*.json",
    "out/validation/_delta_log/*.json",
)
LONG = (
    "out/pool/files/_delta_log/*.json", "out/pool/signals/key=*/*.parquet",
    "out/pool/scores/key=*/*.parquet", "out/pool/scores/_delta_log/*.json",
    "out/pool/shingles/_delta_log/*.json", "out/pool/pairs/_delta_log/*.json",
    "out/pool/duplicates/_delta_log/*.json", "out/mixture/_delta_log/*.json",
    "out/dropped/_delta_log/*.json", "out/corpus/phase=*/*.parquet",
    "out/corpus/_delta_log/*.json",
)  # fmt: skip


def command(home: Path) -> list[str]:
    return [sys.executable, "-m", "mixcore.cli", "run", str(home / "recipe.yaml"),
            "--master", "local[2]", "--json"]  # fmt: skip


def prepare(home: Path) -> None:
    corpora.write(home / "data")
    with (home / "recipe.yaml").open("w") as out:
        YAML(typ="safe").dump(corpora.recipe(home / "data", home / "out"), out)


def kill_at(home: Path, pattern: str, timeout_s: float = 180.0) -> None:
    """Start the job and SIGKILL its process group once a file matches `pattern`."""
    before = set(home.glob(pattern))
    driver = subprocess.Popen(
        command(home), cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + timeout_s
    try:
        while not set(home.glob(pattern)) - before:
            assert driver.poll() is None, driver.stderr.read().decode()
            assert time.monotonic() < deadline, f"no {pattern} within {timeout_s} s"
            time.sleep(0.01)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        driver.stderr.close()


def run_to_the_end(home: Path) -> dict[str, object]:
    done = subprocess.run(command(home), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def contents(spark: SparkSession, home: Path) -> dict[str, list[str]]:
    return {
        t.name: sorted(
            map(repr, spark.read.format("delta").load(str(home / "out" / t.name)).collect())
        )
        for t in TABLES
    }


@pytest.fixture(scope="module")
def calm(spark: SparkSession, tmp_path_factory) -> dict[str, list[str]]:
    home = tmp_path_factory.mktemp("calm")
    prepare(home)
    run_to_the_end(home)
    return contents(spark, home)


def check_kills(spark, calm, home, patterns) -> None:
    prepare(home)
    for pattern in patterns:
        kill_at(home, pattern)
    outcome = run_to_the_end(home)
    assert outcome["status"] == "done"
    assert contents(spark, home) == calm
    pool = spark.read.format("delta").load(str(home / "out/pool/documents"))
    assert pool.where("doc_id IS NOT NULL").groupBy("key", "doc_id").count().where(
        "count > 1").count() == 0  # fmt: skip


def test_killed_three_times_and_run_again(spark, calm, tmp_path):
    check_kills(spark, calm, tmp_path, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("pattern", LONG)
def test_killed_once_at_each_point(spark, calm, tmp_path, pattern):
    check_kills(spark, calm, tmp_path, [pattern])
