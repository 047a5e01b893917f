"""The catalogue of quality signals: names, types, domains and meanings, and the kernel's order.

`mixcore.text.signal_kernel.compute_signals` fills one struct field a signal, in this order.
Words of the definitions (W word, N word, P token, line, L, paragraph, sentence) are explained
in `mixcore.text.signal_kernel`. `signal@peer` names a variant that follows that peer exactly
where the plain signal does not. An empty document has the empty value 0 (false) everywhere.

`KERNEL_SIGNALS` are computed of every document. Those of `mixcore.text.signals_on_demand` are
null unless a rule set of the recipe names a signal of their group.
"""

from __future__ import annotations

from collections.abc import Iterable

from mixcore.text.signal_entry import Signal, count, flag, real, share
from mixcore.text.signals_on_demand import ON_DEMAND

__all__ = ["GROUPS", "KERNEL_SIGNALS", "SIGNALS", "UNKNOWN_LANGUAGE", "Signal", "groups_of"]

UNKNOWN_LANGUAGE = "und"
"""ISO 639-2 code for undetermined."""

KERNEL_SIGNALS: tuple[Signal, ...] = (
    # Sizes
    Signal("n_bytes", "i64", "UTF-8 bytes"),
    count("n_chars", "code points"),
    count("n_words", "W words"),
    count("n_norm_words", "N words"),
    count("n_nonsymbol_words", "W words with a character outside datatrove's punctuation set"),
    count("n_wordpunct", "P tokens"),
    count("n_lines", "lines, blank ones included"),
    count("n_blank_lines", "blank lines"),
    count("n_paragraphs", "paragraphs"),
    count("n_sentences", "sentences"),
    # Words
    real("mean_word_length", "characters of W words / n_words"),
    count("max_word_length", "characters of the longest W word"),
    real("mean_norm_word_length", "characters of N words / n_norm_words"),
    real("median_word_length", "median characters of W words"),
    share("alpha_word_frac", "W words with a letter / n_words"),
    share("all_caps_word_frac", "P tokens that are upper case / n_wordpunct"),
    share("unique_word_frac", "distinct N words / n_norm_words"),
    real("unigram_entropy", "entropy of the N words' counts, nats"),
    count("n_stopword_kinds", "distinct stop words among N words", nullable=True),
    share("stopword_frac", "N words that are stop words / n_norm_words", nullable=True),
    # Symbols
    count("n_hash", "number signs"),
    count("n_ellipsis", "`...` and the ellipsis character"),
    real("symbol_word_ratio", "(n_hash + n_ellipsis) / n_words"),
    # Lines
    real("mean_line_length", "characters / line, all lines, line ends excluded"),
    count("max_line_length", "characters of the longest line"),
    share("bullet_line_frac", "lines that start with a bullet or hyphen / L"),
    share("ellipsis_line_frac", "lines that end with an ellipsis / L"),
    share("terminal_punct_line_frac", "lines that end with a terminal mark / L"),
    share("short_line_frac", "lines of at most 30 characters / L"),
    share("single_word_line_frac", "lines of exactly one W word / L"),
    share("upper_line_frac", "lines with more than half capitals / L"),
    share("numeric_line_frac", "lines of digits alone / L"),
    share("counter_line_frac", "lines such as `12 likes` / L"),
    real("newline_word_ratio", "line feeds / n_words"),
    share("dup_line_frac", "second and later copies of a line / L"),
    share("dup_line_char_frac", "their characters / characters without line feeds"),
    share("dup_line_frac_all", "all copies of repeated stripped lines / L"),
    share("dup_line_char_frac_all", "their characters / characters of stripped lines"),
    # Paragraphs
    share("dup_para_frac", "second and later copies of a paragraph / n_paragraphs"),
    share("dup_para_char_frac", "their characters / n_chars"),
    share("dup_para_frac_all", "all copies of repeated stripped paragraphs / non-blank ones"),
    share("dup_para_char_frac_all", "their characters / characters of stripped paragraphs"),
    # Repetition of N words. A top n-gram can overlap itself, so its share can exceed 1.
    real("top_ngram_chars_2", "characters of the most frequent 2-gram, if repeated / all"),
    real("top_ngram_chars_3", "characters of the most frequent 3-gram, if repeated / all"),
    real("top_ngram_chars_4", "characters of the most frequent 4-gram, if repeated / all"),
    share("dup_ngram_chars_5", "characters of words inside repeated 5-grams / all"),
    share("dup_ngram_chars_6", "characters of words inside repeated 6-grams / all"),
    share("dup_ngram_chars_7", "characters of words inside repeated 7-grams / all"),
    share("dup_ngram_chars_8", "characters of words inside repeated 8-grams / all"),
    share("dup_ngram_chars_9", "characters of words inside repeated 9-grams / all"),
    share("dup_ngram_chars_10", "characters of words inside repeated 10-grams / all"),
    share("word_rep_ngram_10", "positions whose 10-gram is repeated / positions"),
    # Characters
    share("alpha_frac", "letters / n_chars"),
    share("alnum_frac", "letters, digits and numerals / n_chars"),
    share("digit_frac", "digits / n_chars"),
    share("upper_frac", "capitals / n_chars"),
    share("whitespace_frac", "whitespace / n_chars"),
    share("punct_frac", "Unicode categories P and S / n_chars"),
    share("non_ascii_frac", "code points above U+007F / n_chars"),
    share("control_frac", "control characters but TAB, LF, CR / n_chars"),
    share("replacement_frac", "U+FFFD / n_chars"),
    # Marks of web pages
    count("n_curly_open", "opening curly brackets"),
    count("n_curly_close", "closing curly brackets"),
    count("n_javascript_lines", "lines that contain `javascript`, any case"),
    count("n_lorem", "`lorem ipsum`, any case"),
    count("n_policy_lines", "lines with a cookie or policy phrase, any case"),
    share("url_char_frac", "characters of URLs / n_chars"),
    count("n_emails", "e-mail addresses"),
    count("n_ipv4_public", "public IPv4 addresses"),
    count("n_phones", "US phone numbers"),
    # Marks of code, data and scans
    flag("xml_head", "`<?xml version=` in the first 100 characters"),
    flag("autogen_head", "a mark of generated code in the first 200 characters"),
    count("encoded_run_max", "characters of the longest encoded run"),
    share("encoded_frac", "characters of encoded runs / n_chars, at most 1"),
    share("hex_word_frac", "characters of hexadecimal literals / n_chars"),
    count("n_ocr_letter_runs", "runs of single spaced letters"),
    share("latex_cmd_frac", "characters of LaTeX commands / n_chars"),
    # RedPajama-Data v2 (togethercomputer/RedPajama-Data 6d2cee9d): other words, lengths after NFD
    real("symbol_word_ratio@rpv2", "(n_hash + n_ellipsis) / n_wordpunct"),
    share("alpha_word_frac@rpv2", "P tokens with an ASCII letter / n_wordpunct"),
    share("bullet_line_frac@rpv2", "lines that start with a RedPajama bullet / n_lines"),
    share("ellipsis_line_frac@rpv2", "lines that end with an ellipsis / n_lines"),
    real("mean_norm_word_length@rpv2", "NFD characters of N words / n_norm_words"),
    real("top_ngram_chars_2@rpv2", "top_ngram_chars_2, lengths after NFD"),
    real("top_ngram_chars_3@rpv2", "top_ngram_chars_3, lengths after NFD"),
    real("top_ngram_chars_4@rpv2", "top_ngram_chars_4, lengths after NFD"),
    share("dup_ngram_chars_5@rpv2", "dup_ngram_chars_5, lengths after NFD"),
    share("dup_ngram_chars_6@rpv2", "dup_ngram_chars_6, lengths after NFD"),
    share("dup_ngram_chars_7@rpv2", "dup_ngram_chars_7, lengths after NFD"),
    share("dup_ngram_chars_8@rpv2", "dup_ngram_chars_8, lengths after NFD"),
    share("dup_ngram_chars_9@rpv2", "dup_ngram_chars_9, lengths after NFD"),
    share("dup_ngram_chars_10@rpv2", "dup_ngram_chars_10, lengths after NFD"),
)
"""Signals of every document."""

SIGNALS: tuple[Signal, ...] = (*KERNEL_SIGNALS, *ON_DEMAND)
"""Every signal there is, in the order of the struct's fields."""

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(s.group for s in ON_DEMAND))
"""Signals on demand are computed a group at a time."""

_GROUP_OF = {s.name: s.group for s in ON_DEMAND}


def groups_of(names: Iterable[str]) -> tuple[str, ...]:
    """The groups that hold these signals, in the order of GROUPS; other names count for nothing.

    >>> groups_of(["n_words", "hash_word_ratio@datatrove"])
    ('datatrove',)
    """
    wanted = {_GROUP_OF[name] for name in names if name in _GROUP_OF}
    return tuple(g for g in GROUPS if g in wanted)
