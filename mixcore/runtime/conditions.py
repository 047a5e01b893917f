"""Conditions of a recipe as Spark columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from mixcore.recipe.condition_tree import (
    Between,
    Call,
    Column,
    Compare,
    Condition,
    Every,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Operand,
    Some,
    kind_of,
)

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn

# ISO 8601: a part counts only where what follows it is a separator or the end.
_DATE_PARTS = {
    "year": r"^([0-9]{4})(?:$|[-T ])",
    "month": r"^[0-9]{4}-([0-9]{2})(?:$|[-T ])",
    "day": r"^[0-9]{4}-[0-9]{2}-([0-9]{2})(?:$|[T ])",
}
_SIMPLE: dict[str, Callable[[SparkColumn], SparkColumn]] = {
    "lower": F.lower,
    "upper": F.upper,
    "trim": F.trim,
    "length": F.char_length,
}
_COMPARE: dict[str, Callable[[SparkColumn, SparkColumn], SparkColumn]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def to_column(condition: Condition) -> SparkColumn:
    """The condition as a BOOLEAN column that is never null.

    Args:
        condition: Read by `parse_condition`; its columns must exist and be STRING.

    Returns:
        True where the condition holds, false where it does not or is unknown.
    """
    return F.coalesce(_node(condition.root), F.lit(False))


def _node(node: Node) -> SparkColumn:
    match node:
        case Compare(operator, left, right):
            convert = _common((left, right))
            return _COMPARE[operator](convert(left), convert(right))
        case In(operand, options):
            convert = _common((operand, *options))
            return reduce(or_, [convert(operand) == convert(o) for o in options])
        case Like(operand, pattern):
            return _operand(operand).cast("string").like(pattern)
        case Between(operand, low, high):
            convert = _common((operand, low, high))
            return convert(operand).between(convert(low), convert(high))
        case IsNull(operand):
            return _operand(operand).isNull()
        case Not(part):
            return ~_node(part)
        case Every(parts):
            return reduce(and_, [_node(p) for p in parts])
        case Some(parts):
            return reduce(or_, [_node(p) for p in parts])


def _common(operands: tuple[Operand, ...]) -> Callable[[Operand], SparkColumn]:
    """How to read what is compared: as numbers if one is, else as truths, else as text."""
    kinds = {kind_of(o) for o in operands}
    if "number" in kinds:
        return _as("double")
    return _as("boolean") if "bool" in kinds else _operand


def _as(kind: str) -> Callable[[Operand], SparkColumn]:
    return lambda operand: _operand(operand).try_cast(kind)


def _operand(operand: Operand) -> SparkColumn:
    match operand:
        case Column(name):
            return F.col(f"`{name}`")
        case Literal(value):
            return F.lit(value)
        case Call(function, arguments):
            return _call(function, arguments)


def _call(function: str, arguments: tuple[Operand, ...]) -> SparkColumn:
    if function == "coalesce":
        convert = _common(arguments)
        return F.coalesce(*[convert(a) for a in arguments])
    text = _operand(arguments[0]).cast("string")
    if function in _DATE_PARTS:
        return F.regexp_extract(text, _DATE_PARTS[function], 1).try_cast("double")
    if function == "substring":
        numbers = [a.value for a in arguments[1:] if isinstance(a, Literal)]
        first = F.lit(numbers[0])
        length = F.lit(numbers[1]) if len(numbers) == 2 else F.char_length(text)
        return F.substring(text, first, length)
    return _SIMPLE[function](text)
