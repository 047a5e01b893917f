r"""datatrove: what each of its quality rules decides of each document, one rule at a time.

    python datatrove_decisions.py INPUT OUTPUT

INPUT holds files of JSON lines with id and text; OUTPUT gets a line a document: id and, by rule,
[kept with datatrove's own words, kept with mixcore's]. null: the rule was not asked (the page was
dropped before), or datatrove divides by zero. A rule is its own filter with every other limit off;
only the words and sentences are swapped, so `mixcore's` means datatrove's formula on our units.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from result import give

OFF_REPETITION: dict[str, Any] = {
    "dup_line_frac": None, "dup_para_frac": None, "dup_line_char_frac": None,
    "dup_para_char_frac": None, "top_n_grams": (), "dup_n_grams": (),
}  # fmt: skip
OFF_QUALITY: dict[str, Any] = {
    "min_doc_words": None, "max_doc_words": None, "min_avg_word_length": None,
    "max_avg_word_length": None, "max_symbol_word_ratio": None, "max_bullet_lines_ratio": None,
    "max_ellipsis_lines_ratio": None, "max_non_alpha_words_ratio": None, "min_stop_words": None,
}  # fmt: skip
OFF_FINEWEB: dict[str, Any] = {
    "line_punct_thr": -1.0, "short_line_thr": 2.0, "char_duplicates_ratio": 2.0,
    "new_line_ratio": 1e9,
}  # fmt: skip
REPETITION: dict[str, dict[str, Any]] = {
    "dup_para_frac": {"dup_para_frac": 0.3},
    "dup_para_char_frac": {"dup_para_char_frac": 0.2},
    "dup_line_frac": {"dup_line_frac": 0.3},
    "dup_line_char_frac": {"dup_line_char_frac": 0.2},
    **{f"top_{n}_gram": {"top_n_grams": ((n, x),)} for n, x in ((2, 0.2), (3, 0.18), (4, 0.16))},
    **{
        f"duplicated_{n}_n_grams": {"dup_n_grams": ((n, x),)}
        for n, x in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1))
    },
}
QUALITY: dict[str, dict[str, Any]] = {
    "doc_words": {"min_doc_words": 50, "max_doc_words": 100000},
    "avg_word_length": {"min_avg_word_length": 3, "max_avg_word_length": 10},
    "symbols": {"max_symbol_word_ratio": 0.1},
    "bullet_lines": {"max_bullet_lines_ratio": 0.9},
    "ellipsis_lines": {"max_ellipsis_lines_ratio": 0.3},
    "alpha_words": {"max_non_alpha_words_ratio": 0.8},
    "stop_words": {"min_stop_words": 2},
}
FINEWEB: dict[str, dict[str, Any]] = {
    "line_punct": {"line_punct_thr": 0.12},
    "short_lines": {"short_line_thr": 0.67},
    "char_duplicates": {"char_duplicates_ratio": 0.01},
    "new_lines": {"new_line_ratio": 0.3},
}
RULES = {
    **{f"gopher.{k}": GopherRepetitionFilter(**OFF_REPETITION | v) for k, v in REPETITION.items()},
    **{f"gopher.{k}": GopherQualityFilter(**OFF_QUALITY | v) for k, v in QUALITY.items()},
}
WHOLE = (GopherRepetitionFilter(), GopherQualityFilter())
ON_EDITED = {f"fineweb.{k}": FineWebQualityFilter(**OFF_FINEWEB | v) for k, v in FINEWEB.items()}
C4, C4_FINEWEB = C4QualityFilter(), C4QualityFilter(filter_no_terminal_punct=False)
MODULES = (c4_filters, fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter)
_CLOSED = re.compile(r"([.!?]+)[\"')\]}\u201d\u2019\u00bb]*(?=\s|$)")
_INITIAL = re.compile(r"(?<!\w)[^\W\d_]$")


def our_words(text: str, _language: str = "") -> list[str]:
    """P tokens of mixcore."""
    return re.findall(r"\w+|[^\w\s]+", text)


def our_sentences(line: str, _language: str = "") -> list[str]:
    """Sentences of mixcore.text.c4_lines."""
    parts, start = [], 0
    for found in _CLOSED.finditer(line):
        marks = found[1]
        dots = set(marks) == {"."}
        if dots and (len(marks) > 1 or _INITIAL.search(line[: found.start()])):
            continue
        parts.append(line[start : found.end(1)])
        start = found.end(1)
    return [part for part in (*parts, line[start:]) if re.search(r"\w", part)]


def with_words(words: Callable[..., Any], sentences: Callable[..., Any]) -> None:
    """Let every filter cut text by these functions."""
    for module in MODULES:
        if hasattr(module, "split_into_words"):
            module.split_into_words = words
        if hasattr(module, "split_into_sentences"):
            module.split_into_sentences = sentences


def _keeps(rule: Any, document: Document) -> bool | None:
    try:
        return rule.filter(document) is True
    except ZeroDivisionError:
        return None


def decisions(text: str) -> Iterator[tuple[str, bool | None]]:
    """What every rule decides of a text."""
    document = Document(text=text, id="")
    for name, rule in RULES.items():
        yield name, _keeps(rule, document)
    gopher = all(_keeps(rule, document) for rule in WHOLE)
    yield "gopher", gopher
    page = C4.filter(Document(text=text, id=""))
    dropped = page[1] if isinstance(page, tuple) else ""
    yield "c4.lorem_or_curly", dropped not in {"lorem_ipsum", "curly_bracket"}
    few = dropped == "too_few_sentences"
    yield "c4.sentences", not few if few or not dropped else None
    yield "c4", not dropped
    edited = Document(text=text, id="")
    page = C4_FINEWEB.filter(edited)
    passed = page is True
    few = isinstance(page, tuple) and page[1] == "too_few_sentences"
    yield "fineweb.c4_lorem_or_curly", passed or few
    yield "fineweb.c4_sentences", passed if passed or few else None
    own = True
    for name, rule in ON_EDITED.items():
        kept = _keeps(rule, edited) if passed else None
        own &= bool(kept)
        yield name, kept
    yield "fineweb", gopher and passed and own


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    theirs = (c4_filters.split_into_sentences, gopher_quality_filter.split_into_words)
    started = time.perf_counter()
    n = n_words = n_our_words = 0
    with args.output.open("w", encoding="utf-8") as out:
        for file in sorted(args.input.glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").split("\n")[:-1]:
                row = json.loads(line)
                with_words(theirs[1], theirs[0])
                by_theirs = dict(decisions(row["text"]))
                n_words += len(theirs[1](row["text"]))
                with_words(our_words, our_sentences)
                by_ours = dict(decisions(row["text"]))
                n_our_words += len(our_words(row["text"]))
                kept = {name: (by_theirs[name], by_ours[name]) for name in by_theirs}
                out.write(json.dumps({"id": row["id"], "kept": kept}) + "\n")
                n += 1
    give(seconds=time.perf_counter() - started, documents=n, words=n_words, our_words=n_our_words)


if __name__ == "__main__":
    main()
