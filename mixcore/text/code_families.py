"""What a file's name, or its declared language, says of its code: how it is lexed, its kind.

A family tells where comments and strings begin and end; it is a small lexer's idea of a language,
not a grammar. Unknown extensions have none: their signals are null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ONE_LINE, MANY_LINES = 1, 2


@dataclass(frozen=True)
class Family:
    """Comments and strings of a family of languages.

    Attributes:
        lines: marks of a comment to the end of the line, at most two.
        block: marks around a block comment, or two empty strings.
        double: whether `"` quotes strings: 0 no, ONE_LINE, MANY_LINES.
        single: the same of `'`.
        back: the same of a backtick.
        triple: whether three quotes quote, and a string that begins a line is a comment.
        gap: a line mark counts only at a line's start or after whitespace.
        escapes: whether a backslash takes away the meaning of the character after it.
    """

    lines: tuple[str, ...] = ()
    block: tuple[str, str] = ("", "")
    double: int = ONE_LINE
    single: int = ONE_LINE
    back: int = 0
    triple: bool = False
    gap: bool = False
    escapes: bool = True


_C = ("/*", "*/")
FAMILIES: dict[str, Family] = {
    "python": Family(("#",), triple=True),
    "hash": Family(("#",), gap=True),
    "shell": Family(("#",), double=MANY_LINES, single=MANY_LINES, gap=True),
    "tcl": Family(("#",), double=MANY_LINES, single=0, gap=True),
    "julia": Family(("#",), ("#=", "=#"), triple=True, single=0),
    "powershell": Family(("#",), ("<#", "#>"), gap=True, escapes=False),
    "c": Family(("//",), _C),
    "js": Family(("//",), _C, back=MANY_LINES),
    "kotlin": Family(("//",), _C, triple=True),
    "rust": Family(("//",), _C, double=MANY_LINES, single=0),
    "php": Family(("//", "#"), _C, double=MANY_LINES, single=MANY_LINES),
    "css": Family((), _C),
    "sql": Family(("--",), _C, single=MANY_LINES, escapes=False),
    "haskell": Family(("--",), ("{-", "-}"), single=0),
    "lean": Family(("--",), ("/-", "-/"), single=0),
    "lua": Family(("--",), ("--[[", "]]")),
    "ada": Family(("--",), single=0, escapes=False),
    "lisp": Family((";",), ("#|", "|#"), double=MANY_LINES, single=0),
    "tex": Family(("%",), double=0, single=0),
    "erlang": Family(("%",)),
    "prolog": Family(("%",), _C),
    "matlab": Family(("%",), ("%{", "%}"), single=0),
    "ml": Family((), ("(*", "*)"), double=MANY_LINES, single=0),
    "fsharp": Family(("//",), ("(*", "*)"), double=MANY_LINES, single=0),
    "pascal": Family(("//",), ("{", "}"), double=0, escapes=False),
    "fortran": Family(("!",), escapes=False),
    "basic": Family(("'",), single=0, escapes=False),
    "markup": Family((), ("<!--", "-->"), double=0, single=0),
}
_BY_FAMILY = {
    "python": "py pyw pyde pyi pyx pxd bzl gyp",
    "hash": "r rd jbuilder yaml yml toml cfg conf mk mak cmake dockerfile awk gawk mawk nawk auk "
    "ex exs coffee cson iced graphql nim properties",
    "shell": "sh bash bats zsh ksh csh tcsh tmux command rb rbw rake ru ruby podspec gemspec rabl "
    "thor pl plb perl pm psgi t",
    "tcl": "tcl adp tm",
    "julia": "jl",
    "powershell": "ps1 psd1 psm1",
    "c": "c h h++ c++ cc cp cpp cxx hh hpp hxx ipp inl tcc tpp cs java dart proto thrift groovy "
    "gvy gtpl sol cu cuh glsl glslv geom vert frag frg shader vshader fshader vsh fsh vrx fp bsv "
    "m mm scala sbt sc g4 zig y l yy gradle",
    "js": "js jsx mjs cjs jsm sjs es6 ts tsx go vue svelte veo v vh",
    "kotlin": "kt kts swift",
    "rust": "rs rsx",
    "php": "php phpt ctp phtml",
    "css": "css scss less sass",
    "sql": "sql ddl plsql pls pkb pks pck db2 cql prc tab udf viw sparql rq",
    "haskell": "hs hsc lhs elm idr lidr agda lagda purs dhall",
    "lean": "lean hlean",
    "lua": "lua wlua nse",
    "ada": "ada adb ads vhd vhdl vhi vho vhw",
    "lisp": "el lisp lsp cl asd ny clj cljc cljs cljx boot scm sld sps sls ss rkt",
    "tex": "tex sty cls bib dtx ins bbx cbx lbx",
    "erlang": "erl hrl escript app.src yrl xrl",
    "prolog": "pro prolog yap",
    "matlab": "matlab",
    "ml": "ml mli mll mly ml4 eliom eliomi sml fun sig thy",
    "fsharp": "fs fsi fsx",
    "pascal": "pas dfm lpr pp",
    "fortran": "f90 f95 f03 f08",
    "basic": "vb vba vbs bas frm",
    "markup": "html htm xhtml xht xml xsl xslt svg vbhtml cshtml md markdown mustache",
}
_LANGUAGES = {
    "python": "python", "java": "c", "javascript": "js", "typescript": "js", "c": "c", "c++": "c",
    "cpp": "c", "c#": "c", "csharp": "c", "go": "js", "rust": "rust", "ruby": "shell",
    "perl": "shell", "shell": "shell", "bash": "shell", "php": "php", "kotlin": "kotlin",
    "swift": "kotlin", "scala": "c", "sql": "sql", "haskell": "haskell", "lua": "lua", "r": "hash",
    "julia": "julia", "html": "markup", "css": "css", "tex": "tex", "fortran": "fortran",
    "dart": "c", "yaml": "hash", "makefile": "hash", "dockerfile": "hash", "cmake": "hash",
    "erlang": "erlang", "elixir": "hash", "clojure": "lisp", "ocaml": "ml", "solidity": "c",
}  # fmt: skip
"""Names of languages as corpora declare them; two-letter codes of people's languages are none."""

# Kinds that OpenCoder's tables tell apart (opc_data_filtering 44b857e8, pipeline/
# code_filter_config.py and artifacts/program_to_type.py, by their commonest extensions).
OTHER, DATA, MARKUP, SHELL, SQL, GO = range(6)
_BY_KIND = {
    DATA: "json yaml yml toml csv tsv xml ini cfg conf properties cson ron svg proto graphql",
    MARKUP: "html htm xhtml xht vbhtml cshtml",
    SHELL: "sh bash bats zsh ksh csh tcsh bat cmd ps1 psm1 psd1",
    SQL: "sql ddl plsql pls pkb pks pck db2 cql prc",
    GO: "go",
}
_KIND_OF_LANGUAGE = {"html": MARKUP, "shell": SHELL, "bash": SHELL, "sql": SQL, "go": GO,
                     "yaml": DATA, "json": DATA}  # fmt: skip

NAMES = tuple(FAMILIES)
_FAMILY_OF = {e: NAMES.index(f) for f, names in _BY_FAMILY.items() for e in names.split()}
_KIND_OF = {e: kind for kind, names in _BY_KIND.items() for e in names.split()}
UNKNOWN = -1
MARK_BYTES = 4
"""Of the longest mark of a comment."""


def extension_of(name: str | None) -> str:
    """Lower-cased extension of a file's name or path, else empty.

    >>> extension_of("src/a.b/Main.PY"), extension_of("src/a.b/Makefile"), extension_of(".bashrc")
    ('py', '', '')
    """
    file = (name or "").rsplit("/", 1)[-1]
    stem, dot, extension = file.rpartition(".")
    return extension.lower() if dot and stem else ""


def family_of(extension: str, language: str | None) -> int:
    """Index into NAMES by extension, else by declared language, else UNKNOWN.

    >>> NAMES[family_of("py", None)], NAMES[family_of("", "Python")], family_of("zzz", "en")
    ('python', 'python', -1)
    """
    if extension in _FAMILY_OF:
        return _FAMILY_OF[extension]
    known = _LANGUAGES.get((language or "").lower())
    return UNKNOWN if known is None else NAMES.index(known)


def kind_of(extension: str, language: str | None) -> int:
    """OpenCoder's kind of a file."""
    if extension:
        return _KIND_OF.get(extension, OTHER)
    return _KIND_OF_LANGUAGE.get((language or "").lower(), OTHER)


# Fields of a row of TABLE; marks as bytes, little end first, with their sizes.
LINE_1, LINE_2, OPEN, CLOSE = 0, 2, 4, 6
DOUBLE, SINGLE, BACK, TRIPLE, GAP, ESCAPES = range(8, 14)
N_FIELDS = 14


def _row(family: Family) -> list[int]:
    marks = [*family.lines, "", ""][:2] + list(family.block)
    numbers = [x for m in marks for x in (int.from_bytes(m.encode(), "little"), len(m))]
    flags = (family.double, family.single, family.back, family.triple, family.gap, family.escapes)
    return [*numbers, *map(int, flags)]


TABLE: NDArray[np.int64] = np.array([_row(f) for f in FAMILIES.values()], np.int64)
"""A row a family, for the compiled lexer."""
