"""The table sections of the README, made from `mixcore.runtime.tables`.

`python -m tests.readme_tables` writes them into README.md; a test holds the README to them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import types as T

from mixcore.runtime.tables import OUTPUT_TABLES, POOL_TABLES, Table

README = Path(__file__).parents[1] / "README.md"
SECTIONS: dict[str, Sequence[Table]] = {"pool-tables": POOL_TABLES, "output-tables": OUTPUT_TABLES}


def _type(kind: T.DataType) -> str:
    if isinstance(kind, T.StructType):
        return "STRUCT"
    return kind.simpleString().upper()


def section(tables: Sequence[Table]) -> str:
    """One table of columns a Delta table, as markdown."""
    parts = []
    for table in tables:
        where = f", partitioned by `{table.partition_by[0]}`" if table.partition_by else ""
        declared = ", and the declared columns (STRING)" if table.has_declared else ""
        parts.append(f"<details><summary><code>{table.name}</code>{where}</summary>\n")
        parts += [f"- `{n}` {_type(t)}: {m}" for n, t, m in table.columns if n != "key"]
        parts.append(
            f"\n{declared.removeprefix(', ')}</details>\n" if declared else "\n</details>\n"
        )
    return "\n".join(parts)


def filled(text: str) -> str:
    """README text with both sections renewed."""
    for name, tables in SECTIONS.items():
        text = re.sub(
            rf"<!-- {name} -->.*?(?=\n(\*\*Output|## ))",
            lambda _m, name=name, tables=tables: f"<!-- {name} -->\n\n{section(tables)}",
            text,
            count=1,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
