"""Text that reaches the corners of the signals: pieces for hypothesis, samples, worst cases."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = (  # noqa: SIM905
    "the of and that have with be to The cat sat on a mat I e U.S. don't x_y _ -- - • ‣ – 12 "
    "1,234 3.14 0x1F 0xZZ WWW www.a.org HTTP://x.y/z, ftp://q) http:// me@x.org a.b@c.d.e "
    "@ a@b x@y.z- 8.8.8.8 10.0.0.1 1.2.3.4.5 01.2.3.4 256.1.1.1 (212)555-1234 212 555 1234 "
    "... .... … # ## {} \\frac{1}{2} \\ \\x41\\x42 41 42, 43 ab javascript JavaScript: lorem "
    "ipsum Lorem terms use of cookies cookie policy privacy uses 5k likes 12,000 views "
    "É straße İI ΑΣ ΣΑΣ. Σ'Σ ΟΔΟΣ 한국어 각 日本語、 ﬁne ǅ ⅷ Ⅷ Ⓐ ² ٣ न्याय\u0301 👍 👩‍👩‍👧 \u200b "
    "generated autogen <?xml version= DO NOT EDIT ? ! ?! \" ' » “q” ． 。 \ufffd \x00 \x7f \x80"
).split()
SPACES = (" ", " ", " ", " ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", "\t", "\u00a0",
          "\u2028", "\u3000", "\x0b", "\x1c", "\x85", "  ", "\n \n", "\n\n \n\n", "")  # fmt: skip
ANY_TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60)
PIECES = st.one_of(st.sampled_from(WORDS), st.sampled_from(SPACES), ANY_TEXT)
TOKENS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), max_size=60)
DENSE = st.text("ab.@-_:/w#\\x0149, \n\r(Σ'é…", max_size=120)

SAMPLES = [
    "",
    " \n\t \r\n",
    "\n\n\n",
    "a",
    "\r",
    "one line\r\nanother line\r\n\r\n\r\npara\r\n",
    "Call me at 212-555-1234 or (212) 555 1234, 2125551234.\n 212 - . 555-1234 212 555 1234",
    "mail a.b@example.org, <x@y.co.uk>; not a@b or @c.d or é@f.g; !x@y.z a..b@c.d a@b.c@d.e",
    "8.8.8.8 and v1.2.3.4, 192.168.0.1 100.64.0.1 8.8.8.8.8 a8.8.8.8 8.8.8.8a ٣8.8.8.8 0.0.0.0",
    "see http://a.b/c). HTTPS://X.Y www.q.r! wwww.x ftp://z httpx://y http:/x ahttp://b www.",
    "12 likes\n1,234 Views!\n5k shares\n5 k shares\n•• 7.5m followers ••\n5likes\nlikes 5\n٣ likes",
    "a b c\nx y Z w (p q) u v. s\u00a0t _ a b9 I am a b",
    "QUJD" * 40 + "\nword\n" + "41 42 43 44 45 46 47 48 " + "\\u00e9" * 9 + " z41,42",
    r"\x41\x42\x43\x44\x45\x46\x47\x48 0x41, 0x42,0x43 0x44 0x45 0x46 0x47 0x48 0x49q",
    '<?xml version="1.0"?>\n<!-- Code GENERATEd: Do Not Edit -->',
    "é" * 90 + "<?xml version=" + "é" * 84 + " autogen",
    "JavaScript is off. javascript javascript\nJAVASCRIPT\nWe use cookies. Use of Cookies\n"  # noqa: ISC004
    "lorem ipsum Lorem Ipsum loremipsum\nPrivacy policy, terms of use\ncookie\npolicy",
    "• a\n  - b\n‣ c\n▶d\n– e\nend…\nend... \n..\n…\nYes.\nYes. \nहाँ।\nno\n១៚",
    "İSTANBUL ΟΔΥΣΣΕΥΣ ΣΑΣ Σ Α'Σ ΑΣ-Β ΑΣ'' ΑΣ\u0301 ʰΣ ὈΔΟΣ",
    "각 각 한국어 Ångström e\u0301 é \u1e9b\u0323 ﬁ",
    "x" * 127 + " " + "y" * 128 + " " + "z" * 300,
    "x" * 400 + " " + "y" * 128,
    "one two three four five six seven eight nine ten eleven twelve\n" * 3,
    "to be or not to be that is the question to be or not to be",
]  # fmt: skip

MEGA = 1_000_000
WORST = {
    "one line": "lorem ipsum dolor " * (MEGA // 18),
    "one word": "a" * MEGA,
    "one-word lines": "a\n" * (MEGA // 2),
    "different lines": "\n".join(map(str, range(MEGA // 7))),
    "line ends": "\n" * MEGA,
    "blank paragraphs": "a" + "\n\n \n\n" * (MEGA // 5) + "b",
    "carriage returns": "\r" * MEGA,
    "emoji": "👍" * (MEGA // 4),
    "combining marks": "e" + "\u0301" * (MEGA // 2),
    "nulls": "\x00" * MEGA,
    "sigmas": "Σ" * (MEGA // 2),
    "sigma and marks": "AΣ" + "\u0301" * (MEGA // 2) + "Σ",
    "at signs": "a@" * (MEGA // 2),
    "mail": "a.b@c.d." * (MEGA // 8),
    "local part": "a." * (MEGA // 2) + "@b.c",
    "dots": "." * MEGA,
    "dotted digits": "1." * (MEGA // 2),
    "digits": "123 " * (MEGA // 4),
    "phone gaps": ("212" + " " * 500) * (MEGA // 503),
    "hex gaps": ("41" + " " * 500) * (MEGA // 502),
    "letters": "a " * (MEGA // 2),
    "backslashes": "\\" * MEGA,
    "urls": "www.http://" * (MEGA // 11),
    "phrases": "use cookiesjavascript" * (MEGA // 21),
    "base64": "QUJD" * (MEGA // 4),
    "almost base64": ("A" * 63 + " ") * (MEGA // 64),
    "punctuation": "!\"#$%&'()*+,-/:;<=>?@[]^`{|}~" * (MEGA // 30),
}
