"""Values and names as parts of SQL text.

An expression as text costs one call to the JVM; built of columns it costs several calls a node,
which is most of the time of a stage on little data. All values go through here.
"""

from __future__ import annotations


def string(value: str) -> str:
    r"""A string literal.

    >>> string("it's"), string("a\\b")
    ("'it\\'s'", "'a\\\\b'")
    """
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def name(*parts: str) -> str:
    """A column, or a field of a struct.

    >>> name("signals", "n_words")
    '`signals`.`n_words`'
    """
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def double(value: float) -> str:
    """A DOUBLE literal of exactly this value, which must be finite.

    >>> double(0.1), double(-3)
    ('0.1D', '-3.0D')
    """
    return f"{float(value)!r}D"


def bigint(value: int) -> str:
    """A BIGINT literal.

    >>> bigint(-(1 << 63))
    '-9223372036854775808L'
    """
    return f"{value}L"
