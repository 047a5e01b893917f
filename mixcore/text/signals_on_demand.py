"""The catalogue's second part: signals computed only where a recipe's rules name their group.

They follow peers whose units differ from ours; commits as in the presets that use them. `token`
is a P token unless said otherwise, its case kept.
"""

from __future__ import annotations

from mixcore.text.signal_entry import Signal, count, real, share

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


ON_DEMAND: tuple[Signal, ...] = (
    *_datatrove(),
    *_page("tfds", "c4"),
    *_page("datatrove", "c4"),
    *_fineweb(),
    *_dolma(),
    *_dclm(),
    share("removed_word_frac@refinedweb", "words its line rules remove / words", "refinedweb"),
)
"""In the order of the struct's fields, groups together."""
