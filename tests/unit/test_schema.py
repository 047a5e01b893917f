"""The JSON Schema says what the loader accepts, key for key."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mixcore.recipe.faults import keys_at
from mixcore.recipe.number import NUMBER_PATTERN
from mixcore.recipe.rules import preset_names
from mixcore.recipe.schema import json_schema
from mixcore.text.signals import SIGNALS

SCHEMA = json_schema()


def at(*keys: str) -> list[dict[str, Any]]:
    """All arms of the schema at a key path, references followed; `*` is a name of the user's."""
    arms = _arms(SCHEMA)
    for key in keys:
        below = []
        for arm in arms:
            if key == "*":
                by_name = list(arm.get("patternProperties", {}).values())
                found = by_name[0] if by_name else arm.get("additionalProperties")
            else:
                found = arm.get("properties", {}).get(key)
            if isinstance(found, dict):
                below += _arms(found)
        arms = below
    return arms


def _arms(node: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in node:
        return _arms(SCHEMA["$defs"][node["$ref"].removeprefix("#/$defs/")])
    if "anyOf" in node:
        return [a for arm in node["anyOf"] for a in _arms(arm)]
    return [node]


def test_it_is_json_with_its_dialect() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    "path",
    ["", "sources.*", "rules.*", "rules.*.gates.*", "dedup", "dedup.near", "mix", "mix.domains.*",
     "mix.domains.*.divide", "mix.budget", "stop_if", "output", "tokens", "validation"],
)  # fmt: skip
def test_same_keys_as_the_loader_and_no_others(path: str) -> None:
    keys = tuple(path.split(".")) if path else ()
    arms = [a for a in at(*keys) if "properties" in a]
    assert arms
    assert {k for a in arms for k in a["properties"]} == set(keys_at(keys))
    assert all(a["additionalProperties"] is False for a in arms)


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        (("seed",), {"minimum": 0}),
        (("output", "shards"), {"minimum": 1, "maximum": 100_000}),
        (("dedup", "near", "min_recall"), {"exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        (("mix", "budget", "tokens"), {"exclusiveMinimum": 0}),
        (("stop_if", "rejected_rows"), {"minimum": 0, "maximum": 1}),
        (("stop_if", "rejected_rows", "*"), {"minimum": 0, "maximum": 1}),
    ],
)
def test_numbers_have_limits_and_may_be_spelled(
    path: tuple[str, ...], limits: dict[str, float]
) -> None:
    arms = at(*path)
    (number,) = [a for a in arms if a.get("type") in ("number", "integer")]
    assert {k: number.get(k) for k in limits} == limits
    assert {"type": "string", "pattern": NUMBER_PATTERN} in arms
    assert re.match(NUMBER_PATTERN, "20_000_000")


def test_names_are_completed() -> None:
    (gates,) = [a for a in at("rules", "*", "gates") if "propertyNames" in a]
    assert {s.name for s in SIGNALS} < set(gates["propertyNames"]["enum"])
    presets = [a["enum"] for a in at("rules", "*", "preset") if "enum" in a]
    assert presets == [list(preset_names())]


@pytest.mark.parametrize("path", [("sources", "*", "path"), ("dedup", "protect")])
def test_one_text_stands_for_a_list(path: tuple[str, ...]) -> None:
    assert {a["type"] for a in at(*path)} == {"string", "array", "null"}


def test_pool_may_be_left_out() -> None:
    assert set(SCHEMA["then"]["required"]) == {"version", "sources", "output"}
