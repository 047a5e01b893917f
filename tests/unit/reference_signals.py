"""Every signal again, slowly and plainly, from its definition: str methods and `re` alone."""

from __future__ import annotations

import ipaddress
import math
import re
import statistics
import string
import unicodedata
from collections import Counter

from mixcore.text.make_unicode_tables import (
    DATATROVE_CONTROLS,
    DATATROVE_MARKS,
    RPV2_BULLETS,
    terminal_marks,
)
from mixcore.text.word_scanners import NOT_GLOBAL, URL_CLOSE

STOP = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
NOUNS = (
    "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views"
    "|followers"
)
COUNTER = re.compile(rf"\W*\d[\d,.]*[kmb]?\s+(?:{NOUNS})\W*")
POLICY = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
    "use cookies",
)  # fmt: skip
URL = re.compile(r"(?:[hH][tT][tT][pP][sS]?://|[fF][tT][pP]://|[wW]{3}\.)\S+")
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL = re.compile(rf"\b{ATOM}(?:\.{ATOM})*@(?:{LABEL}\.)+{LABEL}")
OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = re.compile(rf"\b{OCTET}(?:\.{OCTET}){{3}}\b")
PHONE = re.compile(r"\s+\(?[0-9]{3}\)?[-. ]*[0-9]{3}[-. ]?[0-9]{4}")
HEX_WORD = re.compile(r"\b0[xX][0-9a-fA-F]+\b")
OCR = re.compile(r"\b(?:[A-Za-z]\s)(?:[a-z]\s)*[A-Za-z]\b")
LATEX = re.compile(r"\\[A-Za-z]+")
BASE64 = re.compile(r"[A-Za-z0-9+/\n=]{64,}")
GROUP = r"(?:0[xX]|\\x)?[0-9a-fA-F]{2}"
HEX_RUN = re.compile(rf"(?<!\w){GROUP}(?:(?:,[ \t-\r]*|[ \t-\r]+|(?!\w)){GROUP}){{7,}}")
ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}")
DATATROVE = set(DATATROVE_MARKS) | {chr(i) for a, b in DATATROVE_CONTROLS for i in range(a, b + 1)}
ASCII_FOLD = {i: i + 32 for i in range(65, 91)}
NETWORKS = [ipaddress.ip_network(n) for n in NOT_GLOBAL]


def ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else 0.0


def nfd_len(word: str) -> int:
    return len(unicodedata.normalize("NFD", word))


def top_ngram(words: list[str], n: int, length) -> float:
    grams = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    if not grams:
        return 0.0
    gram, count = grams.most_common(1)[0]  # of equals the first seen
    chars = sum(map(length, gram))
    return ratio(count * chars, sum(map(length, words))) if count > 1 else 0.0


def dup_ngram(words: list[str], n: int, length) -> float:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    covered = {k for i, gram in enumerate(grams) if counts[gram] > 1 for k in range(i, i + n)}
    return ratio(sum(length(words[k]) for k in covered), sum(map(length, words)))


def copies_after_first(parts: list[str]) -> list[str]:
    seen: set[str] = set()
    later = []
    for part in parts:
        if part in seen:
            later.append(part)
        seen.add(part)
    return later


def all_copies(parts: list[str]) -> list[str]:
    counts = Counter(parts)
    return [p for p in parts if counts[p] > 1]


def length_of(parts: list[str]) -> int:
    return sum(map(len, parts))


def reference(text: str) -> dict[str, float]:
    n = len(text)
    folded = text.translate(ASCII_FOLD)
    words = text.split()
    norm = [w.translate(str.maketrans("", "", string.punctuation)).lower() for w in words]
    norm = [w for w in norm if w]
    tokens = re.findall(r"\w+|[^\w\s]+", text)
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    lines = [x.removesuffix("\r") for x in lines]
    full = [x for x in lines if x.strip()]
    n_full = len(full)
    paragraphs = re.split(r"(?:\r?\n){2,}", text.strip()) if text.strip() else []
    parts = [p.strip() for p in text.split("\n\n") if p.strip()]
    sentences = [s for s in re.split(r"[.!?]", text) if re.search(r"\w", s)]
    line_copies, stripped = copies_after_first(full), [x.strip() for x in full]
    para_copies = copies_after_first(paragraphs)
    folded_lines = folded.split("\n")
    counts = Counter(norm)
    grams10 = Counter(tuple(norm[i : i + 10]) for i in range(len(norm) - 9))
    n_hash, n_ellipsis = text.count("#"), text.count("...") + text.count("…")
    terminal = {chr(cp) for cp in terminal_marks()}
    runs = [m.group() for p in (BASE64, HEX_RUN, ESCAPES) for m in p.finditer(text)]
    addresses = [m.group() for m in IPV4.finditer(text)]
    head = folded[:200]

    def share(test) -> float:
        return ratio(sum(map(test, text)), n)

    def line_share(test) -> float:
        return ratio(sum(map(test, full)), n_full)

    out: dict[str, float] = {
        "n_bytes": len(text.encode()),
        "n_chars": n,
        "n_words": len(words),
        "n_norm_words": len(norm),
        "n_nonsymbol_words": sum(any(x not in DATATROVE for x in w) for w in words),
        "n_wordpunct": len(tokens),
        "n_lines": len(lines),
        "n_blank_lines": len(lines) - n_full,
        "n_paragraphs": len(paragraphs),
        "n_sentences": len(sentences),
        "mean_word_length": ratio(length_of(words), len(words)),
        "max_word_length": max(map(len, words), default=0),
        "mean_norm_word_length": ratio(length_of(norm), len(norm)),
        "median_word_length": statistics.median(map(len, words)) if words else 0,
        "alpha_word_frac": ratio(sum(any(map(str.isalpha, w)) for w in words), len(words)),
        "all_caps_word_frac": ratio(sum(map(str.isupper, tokens)), len(tokens)),
        "unique_word_frac": ratio(len(counts), len(norm)),
        "unigram_entropy": -sum(k / len(norm) * math.log(k / len(norm)) for k in counts.values()),
        "n_stopword_kinds": len(STOP & set(norm)),
        "stopword_frac": ratio(sum(w in STOP for w in norm), len(norm)),
        "n_hash": n_hash,
        "n_ellipsis": n_ellipsis,
        "symbol_word_ratio": ratio(n_hash + n_ellipsis, len(words)),
        "mean_line_length": ratio(length_of(lines), len(lines)),
        "max_line_length": max(map(len, lines), default=0),
        "bullet_line_frac": line_share(lambda x: x.lstrip()[0] in "•-"),
        "ellipsis_line_frac": line_share(lambda x: x.rstrip().endswith(("...", "…"))),
        "terminal_punct_line_frac": line_share(lambda x: x[-1] in terminal),
        "short_line_frac": line_share(lambda x: len(x) <= 30),
        "single_word_line_frac": line_share(lambda x: len(x.split()) == 1),
        "upper_line_frac": line_share(lambda x: sum(map(str.isupper, x)) / len(x) > 0.5),
        "numeric_line_frac": line_share(lambda x: all(map(str.isdigit, x))),
        "counter_line_frac": line_share(
            lambda x: COUNTER.fullmatch(x.translate(ASCII_FOLD)) is not None
        ),
        "newline_word_ratio": ratio(text.count("\n"), len(words)),
        "dup_line_frac": ratio(len(line_copies), n_full),
        "dup_line_char_frac": ratio(length_of(line_copies), n - text.count("\n")),
        "dup_line_frac_all": ratio(len(all_copies(stripped)), n_full),
        "dup_line_char_frac_all": ratio(length_of(all_copies(stripped)), length_of(stripped)),
        "dup_para_frac": ratio(len(para_copies), len(paragraphs)),
        "dup_para_char_frac": ratio(length_of(para_copies), n),
        "dup_para_frac_all": ratio(len(all_copies(parts)), len(parts)),
        "dup_para_char_frac_all": ratio(length_of(all_copies(parts)), length_of(parts)),
        "word_rep_ngram_10": ratio(
            sum(k for k in grams10.values() if k > 1), sum(grams10.values())
        ),
        "alpha_frac": share(str.isalpha),
        "alnum_frac": share(str.isalnum),
        "digit_frac": share(str.isdigit),
        "upper_frac": share(str.isupper),
        "whitespace_frac": share(str.isspace),
        "punct_frac": share(lambda x: unicodedata.category(x)[0] in "PS"),
        "non_ascii_frac": share(lambda x: x > "\x7f"),
        "control_frac": share(lambda x: unicodedata.category(x) == "Cc" and x not in "\t\n\r"),
        "replacement_frac": share(lambda x: x == "\ufffd"),
        "n_curly_open": text.count("{"),
        "n_curly_close": text.count("}"),
        "n_javascript_lines": sum("javascript" in x for x in folded_lines),
        "n_lorem": folded.count("lorem ipsum"),
        "n_policy_lines": sum(any(p in x for p in POLICY) for x in folded_lines),
        "url_char_frac": ratio(sum(len(m.rstrip(URL_CLOSE)) for m in URL.findall(text)), n),
        "n_emails": len(EMAIL.findall(text)),
        "n_ipv4_public": sum(
            not any(ipaddress.ip_address(a) in net for net in NETWORKS) for a in addresses
        ),
        "n_phones": len(PHONE.findall(text)),
        "xml_head": "<?xml version=" in text[:100],
        "autogen_head": any(x in head for x in ("generate", "autogen", "do not edit")),
        "encoded_run_max": max(map(len, runs), default=0),
        "encoded_frac": min(1.0, ratio(length_of(runs), n)),
        "hex_word_frac": ratio(length_of(HEX_WORD.findall(text)), n),
        "n_ocr_letter_runs": len(OCR.findall(text)),
        "latex_cmd_frac": ratio(length_of(LATEX.findall(text)), n),
        "symbol_word_ratio@rpv2": ratio(n_hash + n_ellipsis, len(tokens)),
        "alpha_word_frac@rpv2": ratio(
            sum(re.search("[a-zA-Z]", t) is not None for t in tokens), len(tokens)
        ),
        "bullet_line_frac@rpv2": ratio(
            sum(x.lstrip().startswith(tuple(RPV2_BULLETS)) for x in lines), len(lines)
        ),
        "ellipsis_line_frac@rpv2": ratio(
            sum(x.rstrip().endswith(("...", "…")) for x in lines), len(lines)
        ),
        "mean_norm_word_length@rpv2": ratio(sum(map(nfd_len, norm)), len(norm)),
    }
    for peer, length in (("", len), ("@rpv2", nfd_len)):
        for k in (2, 3, 4):
            out[f"top_ngram_chars_{k}{peer}"] = top_ngram(norm, k, length)
        for k in range(5, 11):
            out[f"dup_ngram_chars_{k}{peer}"] = dup_ngram(norm, k, length)
    return out
