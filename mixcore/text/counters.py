"""The integer sums a document yields; every ratio is divided from these, once, at the end."""

from __future__ import annotations

NAMES = (
    # characters
    "chars", "alpha", "alnum", "digit", "upper", "space", "punct", "non_ascii", "control",
    "replacement", "hash", "ellipsis", "curly_open", "curly_close",
    # W words and P tokens
    "words", "word_chars", "max_word", "twice_median_word", "alpha_words", "nonsymbol_words",
    "tokens", "caps_tokens", "ascii_tokens", "sentences", "has_w",
    # N words
    "norm_words", "norm_chars", "nfd_chars", "stop_words", "stop_kinds", "unique_words",
    # lines, as the first pass sees them
    "lines", "blank_lines", "line_feeds", "line_chars", "max_line", "short_lines",
    "single_word_lines", "upper_lines", "numeric_lines",
    # lines and paragraphs
    "bullet_lines", "rpv2_bullet_lines", "ellipsis_lines", "terminal_lines", "counter_lines",
    "dup_lines", "dup_line_chars", "dup_lines_all", "dup_line_chars_all", "stripped_chars",
    "paragraphs", "dup_paras", "dup_para_chars", "parts", "part_chars", "dup_parts",
    "dup_part_chars",
    # scanners
    "url_chars", "emails", "ipv4", "phones", "hex_chars", "latex_chars", "ocr_runs",
    "javascript_lines", "policy_lines", "lorem", "xml_head", "autogen_head",
    "encoded_max", "encoded_chars", "phone_end", "ocr_end",
    # n-grams: top 2, 3, 4, then covered 5..10, then repeated positions; the same after NFD
    "top_2", "top_3", "top_4", "cov_5", "cov_6", "cov_7", "cov_8", "cov_9", "cov_10", "rep_10",
    "nfd_top_2", "nfd_top_3", "nfd_top_4", "nfd_cov_5", "nfd_cov_6", "nfd_cov_7", "nfd_cov_8",
    "nfd_cov_9", "nfd_cov_10",
)  # fmt: skip
N = len(NAMES)

(
    CHARS, ALPHA, ALNUM, DIGIT, UPPER, SPACE, PUNCT, NON_ASCII, CONTROL,
    REPLACEMENT, HASH, ELLIPSIS, CURLY_OPEN, CURLY_CLOSE,
    WORDS, WORD_CHARS, MAX_WORD, TWICE_MEDIAN_WORD, ALPHA_WORDS, NONSYMBOL_WORDS,
    TOKENS, CAPS_TOKENS, ASCII_TOKENS, SENTENCES, HAS_W,
    NORM_WORDS, NORM_CHARS, NFD_CHARS, STOP_WORDS, STOP_KINDS, UNIQUE_WORDS,
    LINES, BLANK_LINES, LINE_FEEDS, LINE_CHARS, MAX_LINE, SHORT_LINES,
    SINGLE_WORD_LINES, UPPER_LINES, NUMERIC_LINES,
    BULLET_LINES, RPV2_BULLET_LINES, ELLIPSIS_LINES, TERMINAL_LINES, COUNTER_LINES,
    DUP_LINES, DUP_LINE_CHARS, DUP_LINES_ALL, DUP_LINE_CHARS_ALL, STRIPPED_CHARS,
    PARAGRAPHS, DUP_PARAS, DUP_PARA_CHARS, PARTS, PART_CHARS, DUP_PARTS,
    DUP_PART_CHARS,
    URL_CHARS, EMAILS, IPV4, PHONES, HEX_CHARS, LATEX_CHARS, OCR_RUNS,
    JAVASCRIPT_LINES, POLICY_LINES, LOREM, XML_HEAD, AUTOGEN_HEAD,
    ENCODED_MAX, ENCODED_CHARS, PHONE_END, OCR_END,
    TOP_2, TOP_3, TOP_4, COV_5, COV_6, COV_7, COV_8, COV_9, COV_10, REP_10,
    NFD_TOP_2, NFD_TOP_3, NFD_TOP_4, NFD_COV_5, NFD_COV_6, NFD_COV_7, NFD_COV_8,
    NFD_COV_9, NFD_COV_10,
) = range(N)  # fmt: skip
