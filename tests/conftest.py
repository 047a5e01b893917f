"""Shared fixtures: one lazily started Spark session, and runs on a temporary pool."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from mixcore.runtime.stage import Run

TEST_CONF = {
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    # Compiling a class costs more than it saves on a few rows. The tests that run the command
    # line (kills, README) have the settings of production.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    """The session of all Spark tests; started by the first test that asks for it."""
    from mixcore.runtime.session import build_session

    home = tmp_path_factory.mktemp("spark")
    return build_session(
        "mixcore-tests",
        master="local[2]",
        conf={
            **TEST_CONF,
            "spark.sql.warehouse.dir": str(home / "warehouse"),
            "spark.driver.extraJavaOptions": f"-Dderby.system.home={home}",
        },
    )


@pytest.fixture
def make_run(spark: SparkSession, tmp_path: Path) -> Callable[..., Run]:
    """`make_run({...recipe without version, output and pool...})` -> a Run below tmp_path."""
    from mixcore.recipe.models import Recipe
    from mixcore.runtime.keys import sha256
    from mixcore.runtime.progress import Progress
    from mixcore.runtime.stage import Run
    from mixcore.runtime.store import Output, Pool, Scratch

    def make(recipe: dict[str, Any], sample: float | None = None) -> Run:
        full = {"version": 1, "output": {"path": str(tmp_path / "out")}, **recipe}
        model = Recipe.model_validate(full)
        return Run(
            spark=spark,
            recipe=model,
            recipe_sha256=sha256(model.model_dump(mode="json")),
            pool=Pool(spark, model.pool.path),
            output=Output(spark, model.output.path),
            scratch=Scratch(spark, str(tmp_path / "scratch")),
            progress=Progress(),
            run_id="test",
            sample=sample,
        )

    return make
