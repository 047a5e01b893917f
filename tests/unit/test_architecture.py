"""The rules that keep the rooms apart, checked on the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mixcore"
ROOMS = ("ingest", "profile", "quality", "dedup", "mixing", "fitting", "publish", "report")
"""In the order of the data: a room imports nothing from a later one."""
FOUNDATIONS = ("recipe", "text", "runtime")
FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = [
    *sorted((PACKAGE / "text").glob("*.py")),
    PACKAGE / "mixing/allocate.py",
    *sorted((PACKAGE / "fitting").glob("*.py")),
    PACKAGE / "dedup/greedy.py",
    *sorted((PACKAGE / "recipe").glob("*.py")),
]
FORBIDDEN_NAMES = {
    "sparkContext",
    "_jvm",
    "_jsc",
    "rdd",
    "cache",
    "persist",
    "toPandas",
    "monotonically_increasing_id",
    "localCheckpoint",
    "checkpoint",
    "sample",
    "randomSplit",
}


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_room_imports_no_later_room(path):
    room = room_of(path)
    if room in ROOMS:
        later = set(ROOMS[ROOMS.index(room) + 1 :])
    elif room in FOUNDATIONS:
        later = set(ROOMS)
    else:  # cli and pipeline see everything
        later = set()
    found = {name.split(".")[1] for name in imports(path) if name.startswith("mixcore.")}
    assert found & later == set()


@pytest.mark.parametrize("path", KERNELS, ids=label)
def test_kernels_know_nothing_of_spark(path):
    found = [n for n in imports(path) if n.split(".")[0] in {"pyspark", "delta", "py4j"}]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_forbidden_calls_outside_runtime(path):
    if room_of(path) == "runtime":
        return
    found = {
        f"{node.attr} in line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in FORBIDDEN_NAMES
        and not ast.unparse(node.value).endswith(("run", "args"))  # the run's own `sample`
    }
    assert found == set()


@pytest.mark.parametrize("path", FILES, ids=label)
def test_all_writes_go_through_the_store(path):
    if path in {PACKAGE / "runtime/store.py", PACKAGE / "runtime/class_data.py"}:
        return  # class_data trains the JVM on a table it throws away
    writes = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"write", "writeTo"}
        and isinstance(node.ctx, ast.Load)
        and not _is_called(path, node)
    ]
    assert writes == []


def _is_called(path: Path, attribute: ast.Attribute) -> bool:
    """Whether `x.write` is a call such as `pool.write(...)`, not Spark's property `df.write`."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.lineno == attribute.lineno
        and node.func.end_col_offset == attribute.end_col_offset
        and node.func.end_lineno == attribute.end_lineno
        for node in ast.walk(ast.parse(path.read_text()))
    )


STAGE_SIDE = {
    "stage.py",
    "match_stage.py",
    "resolve_stage.py",
    "listing.py",
    "intake.py",
    "limits.py",
}
"""Files that belong to a stage: they may act."""
TRANSFORMS = [
    p for p in FILES if room_of(p) in ROOMS and p.name not in STAGE_SIDE and room_of(p) != "report"
]


@pytest.mark.parametrize("path", TRANSFORMS, ids=label)
def test_transforms_are_lazy(path):
    actions = {"collect", "count", "first", "head", "take", "toLocalIterator", "isEmpty", "foreach"}
    found = {
        f"{node.func.attr} in line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in actions
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "F")
    }
    assert found == set()
