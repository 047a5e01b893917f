"""The catalogue's second part: signals computed only where a recipe's rules name their group.

They follow peers whose units differ from ours; commits as in the presets that use them. `token`
is a P token unless said otherwise, its case kept.
"""

from __future__ import annotations

from mixcore.text.signal_entry import Signal, count, flag, real, share

_TOP, _DUP = (2, 3, 4), (5, 6, 7, 8, 9, 10)


def _datatrove() -> tuple[Signal, ...]:
    """GopherQualityFilter and GopherRepetitionFilter; peer's words are spaCy's, ours P tokens."""
    g = "datatrove"
    return (
        count("n_nonsymbol_words@datatrove", "tokens with a character that is no punctuation", g),
        real("mean_word_length@datatrove", "characters of those / their number", g),
        real("hash_word_ratio@datatrove", "n_hash / tokens", g),
        real("ellipsis_word_ratio@datatrove", "n_ellipsis / tokens", g),
        share("bullet_line_frac@datatrove", "lines of `splitlines` with a bullet or hyphen", g),
        share("ellipsis_line_frac@datatrove", "lines of `splitlines` that end with an ellipsis", g),
        share("alpha_word_frac@datatrove", "tokens with a letter / tokens", g),
        count("n_stopword_kinds@datatrove", "distinct stop words among tokens, lower case", g),
        share("dup_line_frac@datatrove", "later copies among parts of a split at `\\n+`", g),
        share("dup_line_char_frac@datatrove", "their characters / n_chars", g),
        *(
            real(f"top_ngram_chars_{n}@datatrove", f"most frequent {n}-gram with its spaces, even "
                 "if it is there once / n_chars", g)
            for n in _TOP
        ),
        *(
            share(f"dup_ngram_chars_{n}@datatrove", f"{n}-grams seen before, read on behind each "
                  "/ n_chars", g)
            for n in _DUP
        ),
    )  # fmt: skip


def _page(peer: str, group: str) -> tuple[Signal, ...]:
    """What C4's line rules leave of a page, see `mixcore.text.c4_lines`."""
    return (
        count(f"n_lorem@{peer}", "`lorem ipsum` lines that the rules before did not drop", group),
        count(f"n_curly_open@{peer}", "`{` lines that the rules before did not drop", group),
        count(f"n_sentences@{peer}", "sentences of the lines C4 keeps", group),
    )


def _fineweb() -> tuple[Signal, ...]:
    """FineWebQualityFilter on what C4's line rules, but that on end marks, leave."""
    g = "fineweb"
    return (
        *_page("fineweb", g),
        share("terminal_punct_line_frac@fineweb", "kept lines that end with a terminal mark", g),
        share("short_line_frac@fineweb", "kept lines of at most 30 characters", g),
        share("dup_line_char_frac@fineweb", "characters of later copies of kept lines / all", g),
        real("newline_word_ratio@fineweb", "line feeds of the kept text / its tokens", g),
    )


def _dolma() -> tuple[Signal, ...]:
    """Tagger gopher_v1 on W words; gopher_v2 differs in its lines, a split at runs of LF."""
    g = "dolma"
    lines = tuple(
        s
        for peer in ("dolma", "dolma_v2")
        for s in (
            share(f"bullet_line_frac@{peer}", "lines that start with `*` or `-` / lines", g),
            share(f"ellipsis_line_frac@{peer}", "lines that end with the ellipsis character", g),
            share(f"dup_line_frac@{peer}", "all copies of repeated lines / lines", g),
            real(f"dup_line_char_frac@{peer}", "their characters / characters of W words", g),
        )
    )
    return (
        share("symbol_word_ratio@dolma", "W words with `#` or the ellipsis character / n_words", g),
        count("n_stopwords@dolma", "W words that are stop words, lower case", g),
        *lines,
        *(
            real(f"top_ngram_chars_{n}@dolma", f"most frequent {n}-gram of W words, even if it is "
                 "there once / their characters", g)
            for n in _TOP
        ),
        *(
            share(f"dup_ngram_chars_{n}@dolma", f"copies of repeated {n}-grams of W words / all "
                  "of them, overlaps counted again", g)
            for n in _DUP
        ),
    )  # fmt: skip


def _dclm() -> tuple[Signal, ...]:
    """Gopher's rules as DCLM runs them; what is not here equals a plain signal."""
    g = "dclm"
    return (
        count("n_words@dclm", "words as fastText cuts them that begin with a letter or digit", g),
        real("symbol_word_ratio@dclm", "(n_hash + n_ellipsis + `. . .`) / n_words", g),
        share("bullet_line_frac@dclm", "lines that start with a bullet, `*` or `-` / L", g),
        share("ellipsis_line_frac@dclm", "lines that end with `...`, `. . .` or the ellipsis", g),
        count("n_stopwords@dclm", "W words that are stop words, any case", g),
    )


def _code() -> tuple[Signal, ...]:
    """By a small lexer, see `mixcore.text.code_lexer`; null for languages it does not know."""
    return (
        share("comment_frac", "characters of comments / n_chars", "code", nullable=True),
        share("string_frac", "characters of strings / those not in comments", "code",
              nullable=True),
    )  # fmt: skip


def _opencoder() -> tuple[Signal, ...]:
    """OpenCoder's rules; null for unknown languages and where it has no such rule for the kind.

    C tokens: lower-cased P tokens with ASCII punctuation as space.
    """
    g, peer = "opencoder", "@opencoder"
    return (
        share("long_word_frac", "characters of words over 20 long in strings / code", g,
              nullable=True),
        real("long_string_line_frac", "lines of strings with over 20 P tokens / code lines", g,
             nullable=True),
        share("todo_line_frac", "lines with todo, fixme, your code here in comments / n_lines", g,
              nullable=True),
        share("assert_line_frac", "lines of code with assert / code lines", g, nullable=True),
        share(f"comment_frac{peer}", "comment_frac; null for markup", g, nullable=True),
        share(f"string_frac{peer}", "string_frac; null for data, markup and shell", g,
              nullable=True),
        count(f"n_words{peer}", "C tokens", g),
        real(f"mean_word_length{peer}", "characters of C tokens / their number", g),
        share(f"unique_word_frac{peer}", "distinct C tokens / C tokens; null but for data", g,
              nullable=True),
        count(f"n_chars{peer}", "n_chars; null but for data", g, nullable=True),
        share(f"alpha_frac{peer}", "letters / characters without whitespace", g),
        share(f"digit_frac{peer}", "digits / characters without whitespace; null for SQL", g,
              nullable=True),
        share(f"digit_frac{peer}_sql", "the same, null but for SQL", g, nullable=True),
        real(f"mean_line_length{peer}", "characters, line ends included / lines", g),
        share(f"dup_line_frac{peer}", "copies of code lines without whitespace / code lines", g),
        *(
            real(f"top_ngram_chars_{n}{peer}", f"top_ngram_chars_{n} of C tokens", g)
            for n in _TOP
        ),
        *(
            share(f"dup_ngram_chars_{n}{peer}", f"dup_ngram_chars_{n} of C tokens", g)
            for n in _DUP
        ),
    )  # fmt: skip


def _starcoder() -> tuple[Signal, ...]:
    """StarCoder's rules by extension; null where its table has no such rule for the extension."""
    g, peer = "starcoder", "@starcoder"
    return (
        flag(f"kept_extension{peer}", "its table keeps the extension", g, nullable=True),
        count(f"max_line_length{peer}", "max_line_length, limit 1000", g, nullable=True),
        count(f"max_line_length{peer}_500", "max_line_length, limit 500", g, nullable=True),
        real(f"mean_line_length{peer}", "mean_line_length", g, nullable=True),
        share(f"alnum_frac{peer}", "alnum_frac", g, nullable=True),
        share(f"alpha_frac{peer}_25", "alpha_frac, limit .25", g, nullable=True),
        share(f"alpha_frac{peer}_50", "alpha_frac, limit .5", g, nullable=True),
        count(f"n_chars{peer}", "n_chars, of data files", g, nullable=True),
    )


ON_DEMAND: tuple[Signal, ...] = (
    *_datatrove(),
    *_page("tfds", "c4"),
    *_page("datatrove", "c4"),
    *_fineweb(),
    *_dolma(),
    *_dclm(),
    share("removed_word_frac@refinedweb", "words its line rules remove / words", "refinedweb"),
    *_code(),
    *_opencoder(),
    *_starcoder(),
)
"""In the order of the struct's fields, groups together."""

FILE_GROUPS = ("code", "opencoder", "starcoder")
"""Groups that look at the name of a document's file (`documents.native_id`)."""
