"""Signals on demand again, slowly and plainly, group by group, from peers' definitions."""

from __future__ import annotations

import re
from collections import Counter

from mixcore.text.make_unicode_tables import terminal_marks
from mixcore.text.peer_tokens import NOT_IN_DATATROVE
from tests.unit.reference_signals import (
    ASCII_FOLD,
    COUNTER,
    DATATROVE,
    POLICY,
    STOP,
    all_copies,
    copies_after_first,
    length_of,
    ratio,
)

DATATROVE_TERMINAL = {chr(cp) for cp in terminal_marks()} - {chr(cp) for cp in NOT_IN_DATATROVE}
NO_WORD = DATATROVE | DATATROVE_TERMINAL


def grams_of(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def top(words: list[str], n: int) -> tuple[int, int]:
    """(times, characters) of the most frequent n-gram; of equals the first seen."""
    counts = Counter(grams_of(words, n)).most_common(1)
    return (counts[0][1], length_of(list(counts[0][0]))) if counts else (0, 0)


def greedy(words: list[str], n: int) -> int:
    seen, chars, i = set(), 0, 0
    while i <= len(words) - n:
        gram = tuple(words[i : i + n])
        if gram in seen:
            chars += length_of(list(gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


def datatrove(text: str) -> dict[str, float]:
    n = len(text)
    tokens = re.findall(r"\w+|[^\w\s]+", text)
    plain = [t for t in tokens if any(c not in NO_WORD for c in t)]
    lines = text.splitlines()
    parts = re.split("\n+", text)
    copies = copies_after_first(parts)
    out: dict[str, float] = {
        "n_nonsymbol_words": len(plain),
        "mean_word_length": ratio(length_of(plain), len(plain)),
        "hash_word_ratio": ratio(text.count("#"), len(tokens)),
        "ellipsis_word_ratio": ratio(text.count("...") + text.count("…"), len(tokens)),
        "bullet_line_frac": ratio(
            sum(x.lstrip().startswith(("•", "-")) for x in lines), len(lines)
        ),
        "ellipsis_line_frac": ratio(
            sum(x.rstrip().endswith(("...", "…")) for x in lines), len(lines)
        ),
        "alpha_word_frac": ratio(sum(any(map(str.isalpha, t)) for t in tokens), len(tokens)),
        "n_stopword_kinds": len(STOP & set(tokens)),
        "dup_line_frac": ratio(len(copies), len(parts)),
        "dup_line_char_frac": ratio(length_of(copies), n),
    }
    for k in (2, 3, 4):
        times, chars = top(tokens, k)
        out[f"top_ngram_chars_{k}"] = ratio(times * (chars + k - 1), n) if times else 0.0
    for k in range(5, 11):
        out[f"dup_ngram_chars_{k}"] = ratio(greedy(tokens, k), n)
    return {f"{name}@datatrove": value for name, value in out.items()}


CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
SENTENCE_END = re.compile(r"([.!?]+)[\"')\]}\u201d\u2019\u00bb]*(?=\s|$)")


def sentences(line: str) -> int:
    parts, start = [], 0
    for m in SENTENCE_END.finditer(line):
        before = line[: m.start()]
        initial = m[1] == "." and re.search(r"(?<!\w)[^\W\d_]$", before)
        if initial and before[-1].isalpha():
            continue
        if set(m[1]) == {"."} and len(m[1]) > 1:
            continue
        parts.append(line[start : m.end(1)])
        start = m.end(1)
    return sum(re.search(r"\w", p) is not None for p in [*parts, line[start:]])


def kept_by_c4(text: str, peer: str) -> tuple[dict[str, float], str]:
    marks = {"tfds": (".", "?", "!", '"'), "datatrove": (".", "?", "!", '"', "'")}.get(peer)
    out = {"n_lorem": 0, "n_curly_open": 0, "n_sentences": 0}
    kept = []
    for raw in text.splitlines():
        stripped = raw.strip()
        if any(len(w) > 1000 for w in stripped.split()):
            continue
        line = CITATION.sub("", stripped)
        if marks and (not line.endswith(marks) or line.endswith("...")):
            continue
        n_words = len((line if peer == "tfds" else stripped).split())
        if n_words < (5 if peer == "tfds" else 3):
            continue
        folded = line.translate(ASCII_FOLD)
        if "lorem ipsum" in folded:
            out["n_lorem"] += 1
        elif "javascript" in folded:
            continue
        elif "{" in line:
            out["n_curly_open"] += 1
        elif not any(p in folded for p in POLICY):
            out["n_sentences"] += sentences(line)
            kept.append(line)
    return {f"{k}@{peer}": v for k, v in out.items()}, "\n".join(kept).strip()


def c4(text: str) -> dict[str, float]:
    return kept_by_c4(text, "tfds")[0] | kept_by_c4(text, "datatrove")[0]


def fineweb(text: str) -> dict[str, float]:
    page, text = kept_by_c4(text, "fineweb")
    lines = [x for x in text.split("\n") if x.strip()]
    n = len(lines)
    tokens = re.findall(r"\w+|[^\w\s]+", text)
    chars = length_of(copies_after_first(lines))
    return page | {
        "terminal_punct_line_frac@fineweb": ratio(
            sum(x.endswith(tuple(DATATROVE_TERMINAL)) for x in lines), n
        ),
        "short_line_frac@fineweb": ratio(sum(len(x) <= 30 for x in lines), n),
        "dup_line_char_frac@fineweb": ratio(chars, len(text.replace("\n", ""))),
        "newline_word_ratio@fineweb": ratio(text.count("\n"), len(tokens)),
    }


def dolma(text: str) -> dict[str, float]:
    words = text.split()
    chars = length_of(words)
    out: dict[str, float] = {
        "symbol_word_ratio@dolma": ratio(sum("#" in w or "…" in w for w in words), len(words)),
        "n_stopwords@dolma": sum(w in STOP for w in words),
    }
    for peer, lines in (("dolma", text.split("\n")), ("dolma_v2", re.split("\n+", text))):
        copies = all_copies(lines)
        out[f"bullet_line_frac@{peer}"] = ratio(
            sum(x.startswith(("*", "-")) for x in lines), len(lines)
        )
        out[f"ellipsis_line_frac@{peer}"] = ratio(sum(x.endswith("…") for x in lines), len(lines))
        out[f"dup_line_frac@{peer}"] = ratio(len(copies), len(lines)) if words else 0.0
        out[f"dup_line_char_frac@{peer}"] = ratio(length_of(copies), chars)
    for k in (2, 3, 4):
        times, length = top(words, k)
        out[f"top_ngram_chars_{k}@dolma"] = ratio(times * length, chars)
    for k in range(5, 11):
        grams = grams_of(words, k)
        out[f"dup_ngram_chars_{k}@dolma"] = ratio(
            sum(length_of(list(g)) for g in all_copies(grams)),
            sum(length_of(list(g)) for g in grams),
        )
    return out


def fasttext_words(text: str) -> int:
    return sum(w[0].isalnum() for w in re.split("[ \n\r\t\v\f\0]", text) if w)


def dclm(text: str) -> dict[str, float]:
    words = text.split()
    lines = [p for x in text.split("\n") if (p := x.strip())]
    symbols = sum(text.count(x) for x in ("#", "...", ". . .", "…"))
    return {
        "n_words@dclm": fasttext_words(text),
        "symbol_word_ratio@dclm": ratio(symbols, len(words)),
        "bullet_line_frac@dclm": ratio(
            sum(x.startswith(("●", "•", "*", "-")) for x in lines), len(lines)
        ),
        "ellipsis_line_frac@dclm": ratio(
            sum(x.endswith(("...", ". . .", "…")) for x in lines), len(lines)
        ),
        "n_stopwords@dclm": sum(w.lower() in STOP for w in words),
    }


def without(pattern: str, text: str) -> str:
    """The text without matches in lines of at most ten words; lines left blank go."""
    lines = []
    for line in text.split("\n"):
        cut = re.sub(pattern, "", line) if len(line.split()) <= 10 else line
        if not line or cut.strip() or len(line.split()) > 10:
            lines.append(cut)
    return "\n".join(lines).strip()


def any_case(phrase: str) -> str:
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in phrase)


def refinedweb(text: str) -> dict[str, float]:
    before = fasttext_words(text)
    for goes in (
        lambda x: sum(map(str.isupper, x)) / len(x) > 0.5,
        lambda x: all(map(str.isdigit, x)),
        lambda x: COUNTER.fullmatch(x.translate(ASCII_FOLD)) is not None,
    ):
        text = "\n".join(x for x in text.split("\n") if not x or not goes(x)).strip()
    text = "\n".join(x for x in text.split("\n") if not x or len(x.split()) >= 2)
    text = without(rf"\s?{any_case('items in cart')}", text)
    text = without(rf"\s?{any_case('read more')}...$", text)
    text = without(rf"^{any_case('sign-in')}\s?", text)
    return {"removed_word_frac@refinedweb": ratio(before - fasttext_words(text), before)}


TWINS = {
    "datatrove": datatrove,
    "c4": c4,
    "fineweb": fineweb,
    "dolma": dolma,
    "dclm": dclm,
    "refinedweb": refinedweb,
}
