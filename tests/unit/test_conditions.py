"""The language of `where`: what it reads, and what it says where it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixcore.recipe.condition_tree import (
    Between,
    Call,
    Column,
    Compare,
    Every,
    In,
    IsNull,
    Like,
    Literal,
    Node,
    Not,
    Some,
)
from mixcore.recipe.conditions import ConditionError, parse_condition

A, B = Column("a"), Column("b")
A1 = Compare("=", A, Literal(1))
B2 = Compare("=", B, Literal(2))

READ: list[tuple[str, Node]] = [
    ("a = 1", A1),
    ("a=1", A1),
    ("(a = 1)", A1),
    ("a <> 'x'", Compare("!=", A, Literal("x"))),
    ("a != 'x'", Compare("!=", A, Literal("x"))),
    ("a >= -2.5e3", Compare(">=", A, Literal(-2500.0))),
    ("a < 1_000", Compare("<", A, Literal(1000))),
    ("1 < a", Compare("<", Literal(1), A)),
    ("a = b", Compare("=", A, B)),
    ("a = 'it''s'", Compare("=", A, Literal("it's"))),
    ("a = ''", Compare("=", A, Literal(""))),
    ("a = TRUE", Compare("=", A, Literal(True))),
    ("`select` = 'x'", Compare("=", Column("select"), Literal("x"))),
    ("a IN ('x')", In(A, (Literal("x"),))),
    ("a not in (1, 2)", Not(In(A, (Literal(1), Literal(2))))),
    ("a LIKE 'cc-%'", Like(A, "cc-%")),
    ("a NOT LIKE 'x\\%'", Not(Like(A, "x\\%"))),
    ("a BETWEEN 1 AND 2", Between(A, Literal(1), Literal(2))),
    ("a NOT BETWEEN 'a' AND 'c'", Not(Between(A, Literal("a"), Literal("c")))),
    ("a IS NULL", IsNull(A)),
    ("a IS NOT NULL", Not(IsNull(A))),
    ("NOT a = 1", Not(A1)),
    ("a = 1 AND b = 2", Every((A1, B2))),
    ("a = 1 OR b = 2 AND a = 1", Some((A1, Every((B2, A1))))),
    ("(a = 1 OR b = 2) AND a = 1", Every((Some((A1, B2)), A1))),
    ("NOT a = 1 AND b = 2", Every((Not(A1), B2))),
    ("NOT (a = 1 AND b = 2)", Not(Every((A1, B2)))),
    ("a BETWEEN 1 AND 2 AND b = 2", Every((Between(A, Literal(1), Literal(2)), B2))),
    ("lower(a) = 'x'", Compare("=", Call("lower", (A,)), Literal("x"))),
    (
        "coalesce(year(a), 0) >= 2019",
        Compare(">=", Call("coalesce", (Call("year", (A,)), Literal(0))), Literal(2019)),
    ),
    (
        "substring(a, 1, 4) = '2020'",
        Compare("=", Call("substring", (A, Literal(1), Literal(4))), Literal("2020")),
    ),
]


@pytest.mark.parametrize(("text", "root"), READ)
def test_read(text: str, root: Node) -> None:
    assert parse_condition(text).root == root


def test_columns() -> None:
    condition = parse_condition(
        "a = 1 AND (b IN ('x') OR NOT c LIKE 'y') AND coalesce(d, e) = 'z' AND f IS NULL "
        "AND g BETWEEN h AND i"
    )
    assert condition.columns() == set("abcdefghi")


WRONG: list[tuple[str, str, int]] = [
    # (condition, fragment of the message, place of the caret)
    ("", "an empty condition", 0),
    ("  ", "an empty condition", 0),
    ("a", "expected a comparison", 1),
    ("a =", "found the end", 3),
    ("a == 1", "write `=`", 2),
    ("a = 1 b = 2", "expected AND, OR or the end, found 'b'", 6),
    ('a = "x"', "single quotes", 4),
    ("a = 'x", "closing quote", 4),
    ("a = NULL", "IS NOT NULL", 4),
    ("a IN 'x'", "expected `(`", 5),
    ("a IN (x)", "a text is quoted: 'x'", 6),
    ("a IN ()", "expected a column or a value", 6),
    ("a IN (1, 'x')", "different kinds", 2),
    ("a IN ('x'", "expected `)`", 9),
    ("length(a) = '5'", "without quotes", 10),
    ("'5' < length(a)", "without quotes", 4),
    ("a < TRUE", "have no order", 2),
    ("a LIKE 5", "LIKE needs a text", 7),
    ("a LIKE 'x\\y'", "a backslash escapes", 7),
    ("a IS 5", "expected `NULL`", 5),
    ("a BETWEEN 1 OR 2", "expected `AND`", 12),
    ("a BETWEEN 1 AND 'b'", "a number and a text", 2),
    ("lowr(a) = 'x'", "did you mean `lower`?", 0),
    ("lower(a, b) = 'x'", "lower takes 1 arguments, found 2", 0),
    ("substring(a, b) = 'x'", "wants whole numbers", 0),
    ("substring(a, 1.5) = 'x'", "wants whole numbers", 0),
    ("(a = 1", "expected `)`", 6),
    ("a = 1)", "expected AND, OR or the end", 5),
    ("a = 1; DROP TABLE x", "unexpected ';'", 5),
    ("a-b = 1", "unexpected '-'", 1),
    ("a = 5x", "unexpected '5'", 4),
    ("a = 1 -- comment", "unexpected '-'", 6),
    ("NOT", "found the end", 3),
    ("(SELECT 1) = 1", "expected a comparison", 8),
    ("(" * 200 + "a = 1" + ")" * 200, "nested deeper than 100", 100),
    ("lower(" * 200 + "a" + ")" * 200 + " = 'x'", "nested deeper than 100", 599),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fragment", "position"), WRONG)
def test_wrong(text: str, fragment: str, position: int) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    message = str(caught.value)
    assert fragment in message
    assert caught.value.position == position
    assert message.splitlines()[2] == " " * (4 + position) + "^"


def test_too_long() -> None:
    with pytest.raises(ConditionError, match="at most 10000 characters"):
        parse_condition("a = '" + "x" * 10_000 + "'")


@given(st.text(alphabet="ab01.' ()=<>,%\\`\"-ANDORnotinlike\n", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    assert 0 <= _place_or_end(text) <= len(text)


def _place_or_end(text: str) -> int:
    """Where reading stopped."""
    try:
        return len(parse_condition(text).text)
    except ConditionError as error:
        return error.position


# A condition from a tree, with parentheses everywhere: reading it gives the tree back.

_OPERANDS = st.one_of(
    st.sampled_from([A, B, Call("lower", (A,))]),
    st.text(alphabet="ab' %", max_size=4).map(Literal),
)
_LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Compare, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), _OPERANDS, _OPERANDS),
    st.builds(IsNull, _OPERANDS),
    st.builds(Between, _OPERANDS, _OPERANDS, _OPERANDS),
    st.builds(In, _OPERANDS, st.lists(st.text(max_size=3).map(Literal), min_size=1).map(tuple)),
)
_TREES: st.SearchStrategy[Node] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Every, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Some, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


def write(node: object) -> str:
    match node:
        case Column(name):
            return name
        case Literal(value):
            return "'" + str(value).replace("'", "''") + "'"
        case Call(function, arguments):
            return f"{function}({', '.join(map(write, arguments))})"
        case Compare(operator, left, right):
            return f"{write(left)} {operator} {write(right)}"
        case IsNull(operand):
            return f"{write(operand)} IS NULL"
        case Between(operand, low, high):
            return f"{write(operand)} BETWEEN {write(low)} AND {write(high)}"
        case In(operand, options):
            return f"{write(operand)} IN ({', '.join(map(write, options))})"
        case Not(part):
            return f"NOT ({write(part)})"
        case Every(parts):
            return " AND ".join(f"({write(p)})" for p in parts)
        case Some(parts):
            return " OR ".join(f"({write(p)})" for p in parts)
    raise AssertionError(node)


@given(_TREES)
def test_what_is_written_is_read(tree: Node) -> None:
    assert parse_condition(write(tree)).root == tree
