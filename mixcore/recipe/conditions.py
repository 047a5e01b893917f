"""Conditions over columns, as in `where: "license IN ('cc0', 'cc-by') AND year(date) >= 2019"`.

A small language of its own, read into a tree and never run as SQL text:

    condition  = and {OR and}
    and        = not {AND not}
    not        = NOT not | '(' condition ')' | predicate
    predicate  = operand (= | != | <> | < | <= | > | >=) operand
               | operand [NOT] IN '(' literal {',' literal} ')'
               | operand [NOT] LIKE 'text with % and _'
               | operand [NOT] BETWEEN operand AND operand
               | operand IS [NOT] NULL
    operand    = column | literal | function '(' operand {',' operand} ')'
    literal    = 'text' (a quote is doubled) | number | TRUE | FALSE

Logic is SQL's with three values; what comes out null does not match. Columns are text: beside a
number they are read as one, and what is no number is null. Text compares by its UTF-8 bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from mixcore.recipe.condition_tree import (
    FUNCTIONS,
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
from mixcore.recipe.faults import nearest
from mixcore.recipe.number import parse_number
from mixcore.runtime.errors import RecipeError

__all__ = ["Condition", "ConditionError", "parse_condition"]

_MAX_CHARS = 10_000
_MAX_DEPTH = 100
_KEYWORDS = {"and", "or", "not", "in", "like", "is", "null", "between", "true", "false"}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)"
    r"(?:[eE][-+]?[0-9]+)?(?![A-Za-z_]))|(?P<op><>|!=|<=|>=|==|=|<|>)|(?P<mark>[(),])"
    r"|`(?P<quoted>[^`]+)`|(?P<word>[A-Za-z_][A-Za-z0-9_]*))"
)


class ConditionError(RecipeError):
    """A condition that cannot be read; `position` counts characters from 0."""

    def __init__(self, message: str, text: str, position: int, fix: str = "") -> None:
        """Show the text with a caret below the place."""
        self.position = position
        shown = re.sub(r"\s", " ", text)
        super().__init__(f"{message}\n    {shown}\n    {' ' * position}^", fix=fix)


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConditionError: With the place and a caret below it.
    """
    if len(text) > _MAX_CHARS:
        raise ConditionError(f"a condition has at most {_MAX_CHARS} characters", text[:40], 0)
    return Condition(text, _Parser(text).whole())


@dataclass(frozen=True)
class _Token:
    kind: str
    """text, number, op, mark, word, keyword, quoted or end."""
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            _no_token(text, at)
        kind = match.lastgroup or ""
        value, start = match[kind], match.start(kind)
        if kind == "op" and value == "==":
            raise ConditionError("no operator `==`", text, start, "write `=`")
        if kind == "word" and value.lower() in _KEYWORDS:
            out.append(_Token("keyword", value.lower(), start))
        else:
            out.append(_Token(kind, value, start))
        at = match.end()
    out.append(_Token("end", "", len(text.rstrip())))
    return out


def _no_token(text: str, at: int) -> NoReturn:
    mark = text[at]
    if mark == "'":
        raise ConditionError("a text without its closing quote", text, at, "add `'`")
    if mark == '"':
        raise ConditionError(
            "double quotes", text, at, "a text stands in single quotes, a column's name in none"
        )
    raise ConditionError(f"unexpected {mark!r}", text, at)


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.i, self.depth = text, _tokens(text), 0, 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.i]

    def fail(self, message: str, fix: str = "", at: int | None = None) -> NoReturn:
        raise ConditionError(message, self.text, self.now.at if at is None else at, fix)

    def take(self, kind: str, text: str) -> bool:
        if self.now.kind == kind and self.now.text == text:
            self.i += 1
            return True
        return False

    def need(self, kind: str, text: str) -> None:
        if not self.take(kind, text):
            self.fail(f"expected `{text.upper()}`")

    def whole(self) -> Node:
        if self.now.kind == "end":
            self.fail("an empty condition", "leave the key out")
        node = self.some()
        if self.now.kind != "end":
            self.fail(f"expected AND, OR or the end, found {self.now.text!r}")
        return node

    def some(self) -> Node:
        parts = [self.every()]
        while self.take("keyword", "or"):
            parts.append(self.every())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def every(self) -> Node:
        parts = [self.negated()]
        while self.take("keyword", "and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def negated(self) -> Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(f"nested deeper than {_MAX_DEPTH}")
        try:
            if self.take("keyword", "not"):
                return Not(self.negated())
            if self.take("mark", "("):
                node = self.some()
                self.need("mark", ")")
                return node
            return self.predicate()
        finally:
            self.depth -= 1

    def predicate(self) -> Node:
        left = self.operand()
        token = self.now
        if token.kind == "op":
            self.i += 1
            right = self.operand()
            self.same_kind(left, right, token)
            return Compare("!=" if token.text == "<>" else token.text, left, right)
        if self.take("keyword", "is"):
            negated = self.take("keyword", "not")
            self.need("keyword", "null")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self.take("keyword", "not")
        node = self.ranged(left)
        return Not(node) if negated else node

    def ranged(self, left: Operand) -> Node:
        token = self.now
        if self.take("keyword", "in"):
            return In(left, self.options(left, token))
        if self.take("keyword", "like"):
            return Like(left, self.pattern())
        if self.take("keyword", "between"):
            low = self.operand()
            self.need("keyword", "and")
            high = self.operand()
            self.same_kind(left, low, token)
            self.same_kind(left, high, token)
            if kind_of(low) != kind_of(high) and "number" in (kind_of(low), kind_of(high)):
                self.fail("BETWEEN a number and a text", at=token.at)
            return Between(left, low, high)
        return self.fail("expected a comparison: = != < <= > >= IN LIKE BETWEEN IS NULL")

    def options(self, left: Operand, token: _Token) -> tuple[Literal, ...]:
        self.need("mark", "(")
        found = [self.literal()]
        while self.take("mark", ","):
            found.append(self.literal())
        self.need("mark", ")")
        if len({kind_of(o) for o in found}) > 1:
            self.fail(
                "values of different kinds in one IN", at=token.at, fix="quote all of them or none"
            )
        self.same_kind(left, found[0], token)
        return tuple(found)

    def pattern(self) -> str:
        token = self.now
        if token.kind != "text":
            self.fail("LIKE needs a text such as 'cc-%'")
        self.i += 1
        pattern = _unquote(token.text)
        if re.search(r"(?<!\\)(?:\\\\)*\\(?![%_\\])", pattern):
            self.fail("a backslash escapes %, _ or itself", at=token.at)
        return pattern

    def operand(self) -> Operand:
        token = self.now
        if token.kind == "quoted":
            self.i += 1
            return Column(token.text)
        if token.kind != "word":
            return self.literal()
        self.i += 1
        if self.now.kind == "mark" and self.now.text == "(":
            return self.call(token)
        return Column(token.text)

    def call(self, token: _Token) -> Call:
        name = token.text.lower()
        if name not in FUNCTIONS:
            self.fail(f"unknown function `{token.text}`", nearest(name, FUNCTIONS), token.at)
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail(f"nested deeper than {_MAX_DEPTH}")
        self.need("mark", "(")
        arguments = [self.operand()]
        while self.take("mark", ","):
            arguments.append(self.operand())
        self.need("mark", ")")
        self.depth -= 1
        fewest, most, _ = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            self.fail(f"{name} takes {count} arguments, found {len(arguments)}", at=token.at)
        if name == "substring" and not all(
            isinstance(a, Literal) and isinstance(a.value, int) and not isinstance(a.value, bool)
            for a in arguments[1:]
        ):
            self.fail("substring(text, first, length) wants whole numbers", at=token.at)
        return Call(name, tuple(arguments))

    def literal(self) -> Literal:
        token = self.now
        if token.kind == "text":
            self.i += 1
            return Literal(_unquote(token.text))
        if token.kind == "number":
            number = parse_number(token.text)
            if number is None:
                self.fail(f"not a number: {token.text}")
            self.i += 1
            return Literal(number)
        if token.kind == "keyword" and token.text in ("true", "false"):
            self.i += 1
            return Literal(token.text == "true")
        if token.kind == "keyword" and token.text == "null":
            self.fail("nothing equals NULL", "write `column IS NULL` or `column IS NOT NULL`")
        if token.kind == "word":
            self.fail(
                f"expected a value, found {token.text!r}", f"a text is quoted: '{token.text}'"
            )
        found = repr(token.text) if token.text else "the end"
        return self.fail(f"expected a column or a value, found {found}")

    def same_kind(self, left: Operand, right: Operand, token: _Token) -> None:
        """Refuse comparisons that can never hold: fixed text beside a number, order of truths."""
        for one, other in ((left, right), (right, left)):
            if kind_of(one) != "number" or kind_of(other) == "number":
                continue
            if isinstance(other, Literal):
                self.fail(
                    "a number beside a " + ("text" if kind_of(other) == "text" else "truth"),
                    "write the number without quotes",
                    token.at,
                )
        if "bool" in (kind_of(left), kind_of(right)) and token.text in (
            "<",
            "<=",
            ">",
            ">=",
            "between",
        ):
            self.fail("TRUE and FALSE have no order", at=token.at)


def _unquote(token: str) -> str:
    return token[1:-1].replace("''", "'")
