"""YAML 1.2 with the line of every value, and nothing that surprises.

Only maps, lists and scalars are read: no tags, no second document, no duplicate keys. Keys are
always strings. A key without a value is a fault (a forgotten block), an explicit `null` is not.
Numbers may carry underscores; digits with a leading zero stay a string (months, identifiers) and
become a number where one is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mixcore.recipe.number import parse_number
from mixcore.runtime.errors import RecipeError, RecipeErrors

KeyPath = tuple[str | int, ...]
"""Where a value stands: map keys and list indices from the root."""

_MAX_VALUES = 200_000
"""A recipe is small; aliases of aliases could otherwise stand for billions of values."""
_CORE_TAGS = {
    f"tag:yaml.org,2002:{t}" for t in ("map", "seq", "str", "int", "float", "bool", "null")
}
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_CONSTANTS = {
    "null": None,
    "Null": None,
    "NULL": None,
    "~": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


def dotted(path: KeyPath) -> str:
    """A key path for people: `rules.web.score[0].signal`.

    >>> dotted(("rules", "web", "score", 0, "signal"))
    'rules.web.score[0].signal'
    """
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return out


@dataclass
class Positions:
    """The file and line of every value of a recipe, also after files were merged."""

    lines: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, path: KeyPath) -> str:
        """`file:line: key.path`; the nearest enclosing value's line if it has none itself."""
        for n in range(len(path), -1, -1):
            line = self.lines.get(path[:n])
            if line is not None:
                return f"{line}: {dotted(path)}" if path else line
        return dotted(path)

    def drop(self, path: KeyPath) -> None:
        """Forget `path` and all below it."""
        for known in [p for p in self.lines if p[: len(path)] == path]:
            del self.lines[known]


def parse(text: str, name: str) -> tuple[dict[str, Any], Positions]:
    """Read one YAML text whose root is a map.

    Args:
        text: The YAML.
        name: The file's name for messages.

    Raises:
        RecipeErrors: Everything wrong with the YAML itself, with file and line.
    """
    value, positions = _parse_any(text, name)
    if not isinstance(value, dict):
        raise RecipeErrors(
            [
                RecipeError(
                    "a recipe is a map of sections",
                    where=f"{name}:1",
                    value=value,
                    fix="begin with `version: 1` and `sources:`",
                )
            ]
        )
    return value, positions


def parse_value(text: str, name: str) -> Any:
    """Read one YAML value, e.g. the right side of `--set key=value`; same rules as `parse`."""
    return _parse_any(text, name)[0]


def _parse_any(text: str, name: str) -> tuple[Any, Positions]:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        what = f"not valid YAML: {error.problem or error.context}"
        raise RecipeErrors(
            [
                RecipeError(
                    what,
                    where=f"{name}:{line}",
                    fix="check indentation, brackets, commas and quotes near this line",
                )
            ]
        ) from error
    except RecursionError as error:
        raise RecipeErrors([RecipeError("nested too deeply", where=name)]) from error
    except YAMLError as error:
        raise RecipeErrors([RecipeError(f"not valid YAML: {error}", where=name)]) from error
    reader = _Reader(name)
    value = None if root is None else reader.read(root, ())
    if reader.faults:
        raise RecipeErrors(reader.faults)
    return value, reader.positions


class _Reader:
    """Turns composed nodes into values, collecting faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.positions = Positions()
        self.faults: list[RecipeError] = []
        self._open: list[Node] = []
        self._n = 0

    def read(self, node: Node, path: KeyPath) -> Any:
        self._n += 1
        if self._n > _MAX_VALUES or any(node is outer for outer in self._open):
            raise RecipeErrors(
                [
                    *self.faults,
                    RecipeError(
                        "aliases (`*name`) that contain themselves or multiply without end",
                        where=self._at(node, path),
                        fix="write the values out",
                    ),
                ]
            )
        self.positions.lines.setdefault(path, f"{self.name}:{node.start_mark.line + 1}")
        if node.tag not in _CORE_TAGS and not isinstance(node, ScalarNode):
            self._fault("tags are not allowed", node, path, node.tag, "remove the tag")
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._map(node, path)
            if isinstance(node, SequenceNode):
                return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
            assert isinstance(node, ScalarNode)
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _map(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._fault("a key must be a plain name", key_node, path, None, "")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key == "<<" and key_node.style is None:
                self._fault(
                    "merge keys (`<<`) are not YAML 1.2",
                    key_node,
                    here,
                    None,
                    "write the keys out, or use `extends:` for a file of shared ones",
                )
                continue
            if key in out:
                self.faults.append(
                    RecipeError(
                        f"the key {key!r} stands twice, first in line {first_line[key]}",
                        where=f"{self.name}:{line}: {dotted(here)}",
                        value=key,
                        fix="keep one of them",
                    )
                )
                continue
            first_line[key] = line
            self.positions.lines[here] = f"{self.name}:{line}"
            out[key] = self.read(value_node, here)
        return out

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if node.style is not None:
            return text
        if node.ctag is not None and str(node.ctag) not in _CORE_TAGS:
            self._fault("tags are not allowed", node, path, str(node.ctag), "remove the tag")
            return text
        if text == "":
            self._fault(
                "has no value",
                node,
                path,
                None,
                "indent what belongs to it, or take the key back with `null`",
            )
            return None
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        number = None if _LEADING_ZERO.fullmatch(text) else parse_number(text)
        return text if number is None else number

    def _fault(self, what: str, node: Node, path: KeyPath, value: Any, fix: str) -> None:
        self.faults.append(RecipeError(what, where=self._at(node, path), value=value, fix=fix))

    def _at(self, node: Node, path: KeyPath) -> str:
        if path in self.positions.lines:  # an empty value's own mark is behind its key's line
            return self.positions.where(path)
        line = f"{self.name}:{node.start_mark.line + 1}"
        return f"{line}: {dotted(path)}" if path else line


def merge(
    base: dict[str, Any],
    base_positions: Positions,
    over: Mapping[str, Any],
    over_positions: Positions,
) -> None:
    """Lay `over` onto `base` in place: maps merge, anything else replaces, `null` takes back."""
    for path, value in _leaves(over, base, ()):
        parent = base
        for part in path[:-1]:
            parent = parent[part]
        base_positions.drop(path)
        for known, line in over_positions.lines.items():
            if known[: len(path)] == path:
                base_positions.lines[known] = line
        parent[path[-1]] = value


def _leaves(
    over: Mapping[str, Any], base: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths below which `over` replaces `base` as a whole."""
    for key, value in over.items():
        below = base.get(key) if isinstance(base, dict) else None
        if isinstance(value, dict) and isinstance(below, dict):
            yield from _leaves(value, below, (*path, key))
        else:
            yield (*path, key), value


def without_nulls(value: Any) -> Any:
    """The value without keys whose value is an explicit `null`: as if they were not written."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value
