"""How errors become what a user sees: message and exit code."""

from __future__ import annotations

import pytest

from mixcore.pipeline import as_user_error, job_main
from mixcore.runtime.errors import (
    ContractError,
    InfrastructureError,
    RecipeError,
    RecipeErrors,
    SupersededError,
)

WORKER = (
    "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n"
    "mixcore.runtime.errors.ContractError: too many edges\n  found: 3\n  fix:   fewer\n\n\tat org."
)


@pytest.mark.parametrize(
    ("error", "kind", "exit_code", "fragment"),
    [
        (RecipeError("wrong", where="r.yaml:3", value=1, fix="do"), RecipeError, 2, "r.yaml:3"),
        (RecipeErrors([RecipeError("a"), RecipeError("b")]), RecipeErrors, 2, "a\nb"),
        (SupersededError("newer"), SupersededError, 5, "newer"),
        (RuntimeError(WORKER), ContractError, 3, "too many edges"),
        (
            RuntimeError("java.io.IOException: No space left on device"),
            InfrastructureError,
            4,
            "No space left",
        ),
        (PermissionError("denied"), InfrastructureError, 4, "denied"),
    ],
    ids=["recipe", "recipes", "superseded", "from a worker", "disk", "os"],
)
def test_errors_that_a_user_sees(error, kind, exit_code, fragment):
    found = as_user_error(error)
    assert type(found) is kind
    assert found.exit_code == exit_code
    assert fragment in str(found)


def test_a_defect_of_ours_is_no_user_error():
    assert as_user_error(KeyError("x")) is None


def test_a_long_value_is_cut():
    assert len(str(ContractError("what", value="x" * 10_000))) < 400


def test_a_job_with_a_wrong_recipe_exits_with_2(tmp_path, capsys):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("version: 1\nsuorces: {}\n")
    assert job_main(argv=[str(recipe)]) == 2
    assert "suorces" in capsys.readouterr().err
