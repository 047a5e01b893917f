"""The catalogue of quality signals: names, types, domains and meanings, and the kernel's order.

`mixcore.text.signal_kernel.compute_signals` fills one struct field a signal, in this order.
Words of the definitions (W word, N word, P token, line, L, paragraph, sentence) are explained
in `mixcore.text.signal_kernel`. `signal@peer` names a variant that follows that peer exactly
where the plain signal does not. An empty document has the empty value 0 (false) everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes:
        name: as written in recipes.
        dtype: i32, i64, f32 or bool (Arrow int32, int64, float32, bool).
        meaning: the definition in one line.
        nullable: true if the kernel may give null (a gate then needs `on_missing`).
        domain: smallest and largest possible value, inclusive; `inf` = unbounded.
    """

    name: str
    dtype: Literal["i32", "i64", "f32", "bool"]
    meaning: str
    nullable: bool = False
    domain: tuple[float, float] = (0.0, inf)

    @property
    def column(self) -> str:
        """Field of the `signals` struct: `signal@peer` is stored as `signal__peer`."""
        return self.name.replace("@", "__")


def _count(name: str, meaning: str, *, nullable: bool = False) -> Signal:
    return Signal(name, "i32", meaning, nullable)


def _share(name: str, meaning: str, *, nullable: bool = False) -> Signal:
    return Signal(name, "f32", meaning, nullable, (0.0, 1.0))


def _real(name: str, meaning: str) -> Signal:
    return Signal(name, "f32", meaning)


def _flag(name: str, meaning: str) -> Signal:
    return Signal(name, "bool", meaning, domain=(0.0, 1.0))


SIGNALS: tuple[Signal, ...] = (
    # Sizes
    Signal("n_bytes", "i64", "UTF-8 bytes"),
    _count("n_chars", "code points"),
    _count("n_words", "W words"),
    _count("n_norm_words", "N words"),
    _count("n_nonsymbol_words", "W words with a character outside datatrove's punctuation set"),
    _count("n_wordpunct", "P tokens"),
    _count("n_lines", "lines, blank ones included"),
    _count("n_blank_lines", "blank lines"),
    _count("n_paragraphs", "paragraphs"),
    _count("n_sentences", "sentences"),
    # Words
    _real("mean_word_length", "characters of W words / n_words"),
    _count("max_word_length", "characters of the longest W word"),
    _real("mean_norm_word_length", "characters of N words / n_norm_words"),
    _real("median_word_length", "median characters of W words"),
    _share("alpha_word_frac", "W words with a letter / n_words"),
    _share("all_caps_word_frac", "P tokens that are upper case / n_wordpunct"),
    _share("unique_word_frac", "distinct N words / n_norm_words"),
    _real("unigram_entropy", "entropy of the N words' counts, nats"),
    _count("n_stopword_kinds", "distinct stop words among N words", nullable=True),
    _share("stopword_frac", "N words that are stop words / n_norm_words", nullable=True),
    # Symbols
    _count("n_hash", "number signs"),
    _count("n_ellipsis", "`...` and the ellipsis character"),
    _real("symbol_word_ratio", "(n_hash + n_ellipsis) / n_words"),
    # Lines
    _real("mean_line_length", "characters / line, all lines, line ends excluded"),
    _count("max_line_length", "characters of the longest line"),
    _share("bullet_line_frac", "lines that start with a bullet or hyphen / L"),
    _share("ellipsis_line_frac", "lines that end with an ellipsis / L"),
    _share("terminal_punct_line_frac", "lines that end with a terminal mark / L"),
    _share("short_line_frac", "lines of at most 30 characters / L"),
    _share("single_word_line_frac", "lines of exactly one W word / L"),
    _share("upper_line_frac", "lines with more than half capitals / L"),
    _share("numeric_line_frac", "lines of digits alone / L"),
    _share("counter_line_frac", "lines such as `12 likes` / L"),
    _real("newline_word_ratio", "line feeds / n_words"),
    _share("dup_line_frac", "second and later copies of a line / L"),
    _share("dup_line_char_frac", "their characters / characters without line feeds"),
    _share("dup_line_frac_all", "all copies of repeated stripped lines / L"),
    _share("dup_line_char_frac_all", "their characters / characters of stripped lines"),
    # Paragraphs
    _share("dup_para_frac", "second and later copies of a paragraph / n_paragraphs"),
    _share("dup_para_char_frac", "their characters / n_chars"),
    _share("dup_para_frac_all", "all copies of repeated stripped paragraphs / non-blank ones"),
    _share("dup_para_char_frac_all", "their characters / characters of stripped paragraphs"),
    # Repetition of N words. A top n-gram can overlap itself, so its share can exceed 1.
    _real("top_ngram_chars_2", "characters of the most frequent 2-gram, if repeated / all"),
    _real("top_ngram_chars_3", "characters of the most frequent 3-gram, if repeated / all"),
    _real("top_ngram_chars_4", "characters of the most frequent 4-gram, if repeated / all"),
    _share("dup_ngram_chars_5", "characters of words inside repeated 5-grams / all"),
    _share("dup_ngram_chars_6", "characters of words inside repeated 6-grams / all"),
    _share("dup_ngram_chars_7", "characters of words inside repeated 7-grams / all"),
    _share("dup_ngram_chars_8", "characters of words inside repeated 8-grams / all"),
    _share("dup_ngram_chars_9", "characters of words inside repeated 9-grams / all"),
    _share("dup_ngram_chars_10", "characters of words inside repeated 10-grams / all"),
    _share("word_rep_ngram_10", "positions whose 10-gram is repeated / positions"),
    # Characters
    _share("alpha_frac", "letters / n_chars"),
    _share("alnum_frac", "letters, digits and numerals / n_chars"),
    _share("digit_frac", "digits / n_chars"),
    _share("upper_frac", "capitals / n_chars"),
    _share("whitespace_frac", "whitespace / n_chars"),
    _share("punct_frac", "Unicode categories P and S / n_chars"),
    _share("non_ascii_frac", "code points above U+007F / n_chars"),
    _share("control_frac", "control characters but TAB, LF, CR / n_chars"),
    _share("replacement_frac", "U+FFFD / n_chars"),
    # Marks of web pages
    _count("n_curly_open", "opening curly brackets"),
    _count("n_curly_close", "closing curly brackets"),
    _count("n_javascript_lines", "lines that contain `javascript`, any case"),
    _count("n_lorem", "`lorem ipsum`, any case"),
    _count("n_policy_lines", "lines with a cookie or policy phrase, any case"),
    _share("url_char_frac", "characters of URLs / n_chars"),
    _count("n_emails", "e-mail addresses"),
    _count("n_ipv4_public", "public IPv4 addresses"),
    _count("n_phones", "US phone numbers"),
    # Marks of code, data and scans
    _flag("xml_head", "`<?xml version=` in the first 100 characters"),
    _flag("autogen_head", "a mark of generated code in the first 200 characters"),
    _count("encoded_run_max", "characters of the longest encoded run"),
    _share("encoded_frac", "characters of encoded runs / n_chars, at most 1"),
    _share("hex_word_frac", "characters of hexadecimal literals / n_chars"),
    _count("n_ocr_letter_runs", "runs of single spaced letters"),
    _share("latex_cmd_frac", "characters of LaTeX commands / n_chars"),
    # RedPajama-Data v2 (togethercomputer/RedPajama-Data 6d2cee9d): other words, lengths after NFD
    _real("symbol_word_ratio@rpv2", "(n_hash + n_ellipsis) / n_wordpunct"),
    _share("alpha_word_frac@rpv2", "P tokens with an ASCII letter / n_wordpunct"),
    _share("bullet_line_frac@rpv2", "lines that start with a RedPajama bullet / n_lines"),
    _share("ellipsis_line_frac@rpv2", "lines that end with an ellipsis / n_lines"),
    _real("mean_norm_word_length@rpv2", "NFD characters of N words / n_norm_words"),
    _real("top_ngram_chars_2@rpv2", "top_ngram_chars_2, lengths after NFD"),
    _real("top_ngram_chars_3@rpv2", "top_ngram_chars_3, lengths after NFD"),
    _real("top_ngram_chars_4@rpv2", "top_ngram_chars_4, lengths after NFD"),
    _share("dup_ngram_chars_5@rpv2", "dup_ngram_chars_5, lengths after NFD"),
    _share("dup_ngram_chars_6@rpv2", "dup_ngram_chars_6, lengths after NFD"),
    _share("dup_ngram_chars_7@rpv2", "dup_ngram_chars_7, lengths after NFD"),
    _share("dup_ngram_chars_8@rpv2", "dup_ngram_chars_8, lengths after NFD"),
    _share("dup_ngram_chars_9@rpv2", "dup_ngram_chars_9, lengths after NFD"),
    _share("dup_ngram_chars_10@rpv2", "dup_ngram_chars_10, lengths after NFD"),
)
"""Every signal of the kernel, in the order of the struct's fields."""
