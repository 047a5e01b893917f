"""Comments, strings and code rules against their slow twins, family by family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixcore.text import code_families as fam
from mixcore.text import starcoder_table as star
from mixcore.text.on_demand import COMPUTE_OF_FILES
from mixcore.text.signal_kernel import compute_signals
from mixcore.text.signals_on_demand import FILE_GROUPS, ON_DEMAND
from tests.unit.reference_code import FILE_TWINS

EXTENSIONS = tuple(names.split()[0] for names in fam._BY_FAMILY.values())
OTHERS = ("json", "go", "yaml", "zzz", "ma", "fsh", "sas", "sql", "html", "wl", "")


def check(texts: list[str], names: list[str]) -> None:
    got = compute_signals(pa.array(texts, pa.string()), FILE_GROUPS, pa.array(names)).to_pylist()
    for text, name, row in zip(texts, names, got, strict=True):
        for group, twin in FILE_TWINS.items():
            want = twin(text, name)
            members = [s for s in ON_DEMAND if s.group == group]
            assert set(want) == {s.name for s in members}
            wrong = {}
            for s in members:
                value, expected = row[s.column], want[s.name]
                if s.dtype == "f32" and expected is not None:
                    expected = np.float32(expected)
                if value != expected:
                    wrong[s.name] = (value, expected)
            assert not wrong, (wrong, name, text[:500])


PIECES = (
    "#", "//", "/*", "*/", "--", "--[[", "]]", "{-", "-}", "<!--", "-->", ";", "%", "%{", "%}",
    "'", '"', "`", '"""', "'''", '""', "\\", '\\"', "\\'", "\\\\", "\n", "\n", "\n", " ",
    "  ", "\t", "\r\n", "(*", "*)", "#=", "=#", "<#", "#>", "#|", "|#", "!", "::", "x", "foo_bar",
    "if", "return 1", "assert", "ASSERT x", "assertEqual", "TODO", "fixme", "your code here", "}",
    "},", "{", "(", "é", "日本", "\u2028", "\x0b", "a" * 21, "https://" + "a" * 21, "http://",
    "a b c d e f g h i j k l m", "1 , 2 , 3 , 4 , 5 , 6 , 7", "0x1F", "12345",
)  # fmt: skip


@pytest.mark.parametrize("extension", [*EXTENSIONS, *OTHERS])
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), max_size=4))
@settings(max_examples=15, deadline=None)
def test_code_of_every_family(extension: str, texts: list[str]) -> None:
    check(texts, [f"a/b.c/file.{extension}" if extension else "Makefile"] * len(texts))


def test_real_code() -> None:
    files = sorted((Path(__file__).parents[2] / "mixcore/text").glob("*.py"))[:12]
    check([f.read_text("utf-8") for f in files], [f.name for f in files])


SAMPLES = {
    "py": '"""Doc"""\nimport os  # TODO\nx = "# no \\" comment"\ndef f():\n    \'\'\'in\'\'\'\n',
    "c": 'int a = 1; // c\n/* b\n */ char c = \'"\'; char *s = "/* no */";\n',
    "sh": "a=${x#y} # yes\necho 'one\ntwo # no' \"$#\"\n",
    "lua": "--[[ block\n]] x = 1 -- line\n",
    "rs": "fn f<'a>(x: &'a str) { \"many\nlines\" } // c",
    "html": "<p>it's</p><!-- a 'comment' --><b>\"</b>",
    "sql": "select 'it''s' -- c\n/* b */ from t",
    "js": "`a\n// no ${1}` // yes",
}
COMMENTS = {
    "py": '"""Doc"""' + "# TODO" + "'''in'''", "c": "// c" + "/* b\n */", "sh": "# yes",
    "lua": "--[[ block\n]]" + "-- line", "rs": "// c", "html": "<!-- a 'comment' -->",
    "sql": "-- c" + "/* b */", "js": "// yes",
}  # fmt: skip


@pytest.mark.parametrize("extension", SAMPLES)
def test_comments_of_samples(extension: str) -> None:
    text = SAMPLES[extension]
    check([text], [f"a.{extension}"])
    got = compute_signals(pa.array([text]), ("code",), pa.array([f"a.{extension}"]))
    share = got.field("comment_frac")[0].as_py()
    assert round(share * len(text)) == len(COMMENTS[extension])


def test_a_declared_language_stands_in_for_a_name() -> None:
    texts = pa.array(["x = 1  # c"] * 4)
    got = compute_signals(texts, ("code",), None, pa.array(["Python", "en", None, "rust"]))
    assert got.field("comment_frac").to_pylist() == [np.float32(0.3), None, None, 0.0]


def test_tables() -> None:
    assert tuple(COMPUTE_OF_FILES) == FILE_GROUPS
    assert len(star.NO_LINE_RULES) == 30
    assert star.NO_LINE_RULES | star.ALPHA_25 | star.ALPHA_50 | star.NO_ALNUM_RULE <= star.KEPT
    families = [e for names in fam._BY_FAMILY.values() for e in names.split()]
    assert len(families) == len(set(families))
    marks = [m for f in fam.FAMILIES.values() for m in (*f.lines, *f.block)]
    assert all(m.isascii() and len(m) <= fam.MARK_BYTES for m in marks)
