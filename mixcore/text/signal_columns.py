"""Signals from counters: the divisions, in f64, and the empty values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixcore.text import counters as c

_COUNTS = {
    "n_chars": c.CHARS,
    "n_words": c.WORDS,
    "n_norm_words": c.NORM_WORDS,
    "n_nonsymbol_words": c.NONSYMBOL_WORDS,
    "n_wordpunct": c.TOKENS,
    "n_lines": c.LINES,
    "n_blank_lines": c.BLANK_LINES,
    "n_paragraphs": c.PARAGRAPHS,
    "n_sentences": c.SENTENCES,
    "max_word_length": c.MAX_WORD,
    "n_stopword_kinds": c.STOP_KINDS,
    "n_hash": c.HASH,
    "n_ellipsis": c.ELLIPSIS,
    "max_line_length": c.MAX_LINE,
    "n_curly_open": c.CURLY_OPEN,
    "n_curly_close": c.CURLY_CLOSE,
    "n_javascript_lines": c.JAVASCRIPT_LINES,
    "n_lorem": c.LOREM,
    "n_policy_lines": c.POLICY_LINES,
    "n_emails": c.EMAILS,
    "n_ipv4_public": c.IPV4,
    "n_phones": c.PHONES,
    "encoded_run_max": c.ENCODED_MAX,
    "n_ocr_letter_runs": c.OCR_RUNS,
}
# Made from counters: L (the non-blank lines), characters without line feeds, marks of
# symbol_word_ratio, positions of 10-grams, encoded characters, and a constant.
FULL, UNFED, SYMBOLS, PLACES_10, ENCODED, TWO = range(c.N, c.N + 6)
# name: (numerator, denominator); a counter's number each.
_RATIOS = {
    "mean_word_length": (c.WORD_CHARS, c.WORDS),
    "mean_norm_word_length": (c.NORM_CHARS, c.NORM_WORDS),
    "alpha_word_frac": (c.ALPHA_WORDS, c.WORDS),
    "all_caps_word_frac": (c.CAPS_TOKENS, c.TOKENS),
    "unique_word_frac": (c.UNIQUE_WORDS, c.NORM_WORDS),
    "stopword_frac": (c.STOP_WORDS, c.NORM_WORDS),
    "mean_line_length": (c.LINE_CHARS, c.LINES),
    "bullet_line_frac": (c.BULLET_LINES, FULL),
    "ellipsis_line_frac": (c.ELLIPSIS_LINES, FULL),
    "terminal_punct_line_frac": (c.TERMINAL_LINES, FULL),
    "short_line_frac": (c.SHORT_LINES, FULL),
    "single_word_line_frac": (c.SINGLE_WORD_LINES, FULL),
    "upper_line_frac": (c.UPPER_LINES, FULL),
    "numeric_line_frac": (c.NUMERIC_LINES, FULL),
    "counter_line_frac": (c.COUNTER_LINES, FULL),
    "newline_word_ratio": (c.LINE_FEEDS, c.WORDS),
    "dup_line_frac": (c.DUP_LINES, FULL),
    "dup_line_char_frac": (c.DUP_LINE_CHARS, UNFED),
    "dup_line_frac_all": (c.DUP_LINES_ALL, FULL),
    "dup_line_char_frac_all": (c.DUP_LINE_CHARS_ALL, c.STRIPPED_CHARS),
    "dup_para_frac": (c.DUP_PARAS, c.PARAGRAPHS),
    "dup_para_char_frac": (c.DUP_PARA_CHARS, c.CHARS),
    "dup_para_frac_all": (c.DUP_PARTS, c.PARTS),
    "dup_para_char_frac_all": (c.DUP_PART_CHARS, c.PART_CHARS),
    "alpha_frac": (c.ALPHA, c.CHARS),
    "alnum_frac": (c.ALNUM, c.CHARS),
    "digit_frac": (c.DIGIT, c.CHARS),
    "upper_frac": (c.UPPER, c.CHARS),
    "whitespace_frac": (c.SPACE, c.CHARS),
    "punct_frac": (c.PUNCT, c.CHARS),
    "non_ascii_frac": (c.NON_ASCII, c.CHARS),
    "control_frac": (c.CONTROL, c.CHARS),
    "replacement_frac": (c.REPLACEMENT, c.CHARS),
    "url_char_frac": (c.URL_CHARS, c.CHARS),
    "hex_word_frac": (c.HEX_CHARS, c.CHARS),
    "latex_cmd_frac": (c.LATEX_CHARS, c.CHARS),
    "alpha_word_frac@rpv2": (c.ASCII_TOKENS, c.TOKENS),
    "bullet_line_frac@rpv2": (c.RPV2_BULLET_LINES, c.LINES),
    "ellipsis_line_frac@rpv2": (c.ELLIPSIS_LINES, c.LINES),
    "mean_norm_word_length@rpv2": (c.NFD_CHARS, c.NORM_WORDS),
    "median_word_length": (c.TWICE_MEDIAN_WORD, TWO),
    "symbol_word_ratio": (SYMBOLS, c.WORDS),
    "symbol_word_ratio@rpv2": (SYMBOLS, c.TOKENS),
    "word_rep_ngram_10": (c.REP_10, PLACES_10),
    "encoded_frac": (ENCODED, c.CHARS),
}
for _n in (2, 3, 4):
    _RATIOS[f"top_ngram_chars_{_n}"] = (c.TOP_2 + _n - 2, c.NORM_CHARS)
    _RATIOS[f"top_ngram_chars_{_n}@rpv2"] = (c.NFD_TOP_2 + _n - 2, c.NFD_CHARS)
for _n in (5, 6, 7, 8, 9, 10):
    _RATIOS[f"dup_ngram_chars_{_n}"] = (c.COV_5 + _n - 5, c.NORM_CHARS)
    _RATIOS[f"dup_ngram_chars_{_n}@rpv2"] = (c.NFD_COV_5 + _n - 5, c.NFD_CHARS)


_COUNTERS = np.array(list(_COUNTS.values()))
_TOPS, _BOTTOMS = np.array(list(_RATIOS.values())).T


def columns(
    rows: NDArray[np.int64], entropy: NDArray[np.float64], sizes: NDArray[np.int64]
) -> dict[str, NDArray[np.generic]]:
    """Every signal of the catalogue by name.

    Args:
        rows: counters (documents, counters.N).
        entropy: nats (documents).
        sizes: bytes (documents).

    Returns:
        Contiguous arrays of dtype int64 (sizes), int32, float32 and bool, one value a document.
        Ratios are divided in f64; a ratio to 0 is 0.
    """
    # All signals of a type at once: a hundred calls of numpy take longer than a small batch.
    by = np.empty((TWO + 1, len(rows)), np.int64)
    by[: c.N] = rows.T
    np.subtract(by[c.LINES], by[c.BLANK_LINES], out=by[FULL])
    np.subtract(by[c.CHARS], by[c.LINE_FEEDS], out=by[UNFED])
    np.add(by[c.HASH], by[c.ELLIPSIS], out=by[SYMBOLS])
    np.maximum(by[c.NORM_WORDS] - 9, 0, out=by[PLACES_10])
    np.minimum(by[c.ENCODED_CHARS], by[c.CHARS], out=by[ENCODED])
    by[TWO] = 2
    counts = by[_COUNTERS].astype(np.int32)
    bottoms = by[_BOTTOMS]
    quotients = by[_TOPS] / np.maximum(bottoms, 1)
    ratios = np.where(bottoms > 0, quotients, 0.0).astype(np.float32)
    values: dict[str, NDArray[np.generic]] = {
        "n_bytes": sizes.astype(np.int64),
        "unigram_entropy": entropy.astype(np.float32),
        "xml_head": by[c.XML_HEAD] > 0,
        "autogen_head": by[c.AUTOGEN_HEAD] > 0,
    }
    values.update(zip(_COUNTS, counts, strict=True))
    values.update(zip(_RATIOS, ratios, strict=True))
    return values
