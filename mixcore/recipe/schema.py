"""The recipe's JSON Schema, for editors: completion, explanations, and faults while typing.

It accepts what the loader accepts in shape; what needs the whole recipe only the loader checks.
"""

from __future__ import annotations

from typing import Any

from mixcore.recipe.checks_rules import GATE_SIGNALS, LANGUAGE
from mixcore.recipe.models import Recipe
from mixcore.recipe.number import NUMBER_PATTERN
from mixcore.recipe.rules import preset_names

_LIMITS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
}  # fmt: skip
"""pydantic leaves its own words for limits that stand behind a validator of ours."""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe file.

    Numbers may also be strings that spell one (`1_000` is a string to most editors), and any value
    may be `null`, which takes the key back.
    """
    schema = Recipe.model_json_schema(by_alias=True, mode="validation")
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "A recipe file below this one, relative to it; maps merge, later wins.",
    }
    # With `extends` the required keys may stand in the other file; pool follows from output.
    required = [key for key in schema["required"] if key != "pool"]
    del schema["required"]
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": required}
    definitions = schema["$defs"]
    stop_if = definitions["StopIf"]
    stop_if.pop("required", None)
    for name in ("rejected_rows", "removed_by_dedup"):
        by_source = stop_if["properties"][name]
        stop_if["properties"][name] = {
            "anyOf": [by_source["additionalProperties"], by_source],
            "description": "One limit for all sources, or by source with `default`.",
        }
    names = [LANGUAGE, *GATE_SIGNALS]
    definitions["RuleSet"]["properties"]["gates"]["propertyNames"] = {"enum": names}
    definitions["Component"]["properties"]["signal"] = {"enum": list(GATE_SIGNALS)}
    preset = {"type": "string", "enum": list(preset_names())}
    definitions["RuleSet"]["properties"]["preset"] = {
        "anyOf": [preset, {"type": "array", "items": preset}],
        "default": [],
    }
    loosened: dict[str, Any] = _loosen(schema)
    return {"$schema": _DIALECT, **loosened, "title": "mixcore recipe"}


def _loosen(node: Any) -> Any:
    """Numbers as strings too, `null` for every property; titles that only repeat the key go."""
    if isinstance(node, list):
        return [_loosen(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("properties", "patternProperties"):
            out[key] = {name: _nullable(_loosen(part)) for name, part in value.items()}
            out.setdefault("additionalProperties", False)
        elif key == "additionalProperties" and isinstance(value, dict):
            out[key] = _nullable(_loosen(value))
        elif key == "$defs":
            out[key] = {name: _loosen(part) for name, part in value.items()}
        elif key == "title" and isinstance(value, str):
            continue
        elif key in _LIMITS:
            out[_LIMITS[key]] = value
        elif key in ("default", "enum", "const", "examples", "required"):
            out[key] = value
        else:
            out[key] = _loosen(value)
    if out.get("type") in ("number", "integer"):
        default = {"default": out.pop("default")} if "default" in out else {}
        return {"anyOf": [out, {"type": "string", "pattern": NUMBER_PATTERN}], **default}
    return out


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    arms = node.get("anyOf")
    if isinstance(arms, list):
        return node if null in arms else {**node, "anyOf": [*arms, null]}
    shared: dict[str, Any] = {k: node[k] for k in ("default", "description") if k in node}
    return {"anyOf": [{k: v for k, v in node.items() if k not in shared}, null], **shared}
