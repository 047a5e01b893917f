"""Signals of code again, slowly: a lexer of regular expressions, and sums over its classes."""

from __future__ import annotations

import re
import string
from itertools import groupby

from mixcore.text import code_families as fam
from mixcore.text import starcoder_table as star
from mixcore.text.code_families import MANY_LINES, Family
from mixcore.text.code_lexer import CODE, COMMENT, QUOTE, STRING
from tests.unit.reference_signals import (
    ASCII_FOLD,
    all_copies,
    dup_ngram,
    length_of,
    ratio,
    top_ngram,
)


def pattern_of(f: Family) -> re.Pattern[str]:
    parts = []
    if f.block[0]:
        opens, closes = map(re.escape, f.block)
        parts.append(rf"(?P<block>{opens}[\s\S]*?(?:{closes}|\Z))")
    gap = r"(?<![^ \t-\r])" if f.gap else ""
    parts += [f"(?P<line{i}>{gap}{re.escape(m)}[^\n]*)" for i, m in enumerate(f.lines)]
    some = r"\\[\s\S]|[^\\]" if f.escapes else r"[\s\S]"
    tail = r"\\?\Z" if f.escapes else r"\Z"
    kinds = [(q, m) for q, m in (('"', f.double), ("'", f.single), ("`", f.back)) if m]
    if f.triple:
        parts += [
            f"(?P<open3_{i}>{q}{{3}})(?P<body3_{i}>(?:{some})*?)(?:(?P<close3_{i}>{q}{{3}})|{tail})"
            for i, (q, _) in enumerate(kinds)
        ]
    for i, (q, mode) in enumerate(kinds):
        not_in = ("" if mode == MANY_LINES else "\n") + q
        plain = rf"\\[\s\S]|[^\\{not_in}]" if f.escapes else rf"[^{not_in}]"
        last = r"\\?(?![\s\S])|" if f.escapes else ""
        parts.append(f"(?P<open{i}>{q})(?P<body{i}>(?:{plain})*)(?:(?P<close{i}>{q})|{last})")
    return re.compile("|".join(parts) or r"(?!)")


def classes_of(text: str, f: Family) -> list[int]:
    out = [CODE] * len(text)
    for m in pattern_of(f).finditer(text):
        found = {k: v for k, v in m.groupdict().items() if v is not None}
        if any(k.startswith(("block", "line")) for k in found):
            out[m.start() : m.end()] = [COMMENT] * len(m.group())
            continue
        is_triple = any(k.startswith("open3") for k in found)
        size = 3 if is_triple else 1
        closed = size * any(k.startswith("close") for k in found)
        inner = len(m.group()) - size - closed
        out[m.start() : m.end()] = [QUOTE] * size + [STRING] * inner + [QUOTE] * closed
        before = text[text.rfind("\n", 0, m.start()) + 1 : m.start()]
        if is_triple and not before.strip(" \t"):
            out[m.start() : m.end()] = [COMMENT] * len(m.group())
    return out


def c_tokens(text: str) -> list[str]:
    spaced = text.translate(dict.fromkeys(map(ord, string.punctuation), " "))
    return [
        "".join(c.lower() if len(c.lower()) == 1 else c for c in t)
        for t in re.findall(r"\w+|[^\w\s]+", spaced)
    ]


def known(condition: object, value: float) -> float | None:
    return value if condition else None


def code(text: str, name: str = "") -> dict[str, float | None]:
    f = fam.family_of(fam.extension_of(name), None)
    if f < 0:
        return {"comment_frac": None, "string_frac": None}
    classes = classes_of(text, fam.FAMILIES[fam.NAMES[f]])
    comments = classes.count(COMMENT)
    return {
        "comment_frac": ratio(comments, len(text)),
        "string_frac": ratio(classes.count(QUOTE) + classes.count(STRING), len(text) - comments),
    }


def opencoder(text: str, name: str = "") -> dict[str, float | None]:
    extension = fam.extension_of(name)
    f, kind = fam.family_of(extension, None), fam.kind_of(extension, None)
    classes = [CODE] * len(text) if f < 0 else classes_of(text, fam.FAMILIES[fam.NAMES[f]])
    n_code = len(text) - classes.count(COMMENT)
    lines, todos, asserts = [], 0, 0
    for line in re.finditer("[^\n]*\n?", text):
        pairs = [(text[i], classes[i]) for i in range(*line.span()) if text[i] != "\n"]
        comment = "".join(c if k == COMMENT else "\0" for c, k in pairs).translate(ASCII_FOLD)
        other = "".join("\0" if k == COMMENT else c for c, k in pairs).translate(ASCII_FOLD)
        todos += any(x in comment for x in ("todo", "fixme", "your code here"))
        asserts += "assert" in other
        compact = "".join(c for c, k in pairs if k != COMMENT and not c.isspace())
        lines += [compact] if compact else []
    runs = [
        "".join(text[i] for i in group)
        for is_string, group in groupby(range(len(text)), lambda i: classes[i] == STRING)
        if is_string
    ]
    long_strings = sum(
        len(re.findall(r"\w+|[^\w\s]+", p)) > 20 for r in runs for p in r.split("\n")
    )
    long_words = [
        w for r in runs for w in r.split() if len(w) > 20 and not re.search(r"https?://\S", w)
    ]
    tokens = c_tokens(text)
    visible = [c for c in text if not c.isspace()]
    n_lines = text.count("\n") + (not text.endswith("\n") and text != "")
    lexed, data, markup = f >= 0, kind == fam.DATA, kind == fam.MARKUP
    quiet = data or markup or kind == fam.SHELL
    copies = [x for x in all_copies(lines) if x != "}," and len(x) > 1]
    digits = ratio(sum(map(str.isdigit, visible)), len(visible))
    out: dict[str, float | None] = {
        "n_words": len(tokens),
        "mean_word_length": ratio(length_of(tokens), len(tokens)),
        "unique_word_frac": known(data, ratio(len(set(tokens)), len(tokens))),
        "n_chars": known(data, len(text)),
        "alpha_frac": ratio(sum(map(str.isalpha, visible)), len(visible)),
        "digit_frac": known(kind != fam.SQL, digits),
        "mean_line_length": ratio(len(text), n_lines),
        "dup_line_frac": ratio(len(copies), len(lines)),
        "comment_frac": known(lexed and not markup, ratio(classes.count(COMMENT), len(text))),
        "string_frac": known(lexed and not quiet, ratio(len(classes) - classes.count(CODE)
                                                        - classes.count(COMMENT), n_code)),
    }  # fmt: skip
    for k in (2, 3, 4):
        out[f"top_ngram_chars_{k}"] = top_ngram(tokens, k, len)
    for k in range(5, 11):
        out[f"dup_ngram_chars_{k}"] = dup_ngram(tokens, k, len)
    return {
        **{f"{k}@opencoder": v for k, v in out.items()},
        "digit_frac@opencoder_sql": known(kind == fam.SQL, digits),
        "long_word_frac": known(lexed and not markup, ratio(length_of(long_words), n_code)),
        "long_string_line_frac": known(lexed and not quiet, ratio(long_strings, len(lines))),
        "todo_line_frac": known(lexed and not data and not markup, ratio(todos, n_lines)),
        "assert_line_frac": known(
            lexed and not quiet and kind != fam.GO, ratio(asserts, len(lines))
        ),
    }


def starcoder(text: str, name: str = "") -> dict[str, float | None]:
    e = fam.extension_of(name)
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    lines = [x.removesuffix("\r") for x in lines]
    longest, mean = max(map(len, lines), default=0), ratio(length_of(lines), len(lines))
    alpha = ratio(sum(map(str.isalpha, text)), len(text))
    has_lines = e not in star.NO_LINE_RULES
    out = {
        "kept_extension": known(e != "", e in star.KEPT),
        "max_line_length": known(has_lines and e != "fsh", longest),
        "mean_line_length": known(has_lines, mean),
        "alnum_frac": known(
            e not in star.NO_ALNUM_RULE, ratio(sum(map(str.isalnum, text)), len(text))
        ),
        "n_chars": known(e in {"json", "yaml", "yml"}, len(text)),
    }
    return {
        **{f"{k}@starcoder": v for k, v in out.items()},
        "max_line_length@starcoder_500": known(e == "fsh", longest),
        "alpha_frac@starcoder_25": known(e in star.ALPHA_25, alpha),
        "alpha_frac@starcoder_50": known(e in star.ALPHA_50, alpha),
    }


FILE_TWINS = {"code": code, "opencoder": opencoder, "starcoder": starcoder}
