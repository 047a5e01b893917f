"""Plots as inline SVG, small enough to write by hand.

Hand-written rather than by a plotting library: the marks then take their colours from the page
(light and dark), the text stays text, and the same numbers give the same bytes. Every plot has a
title for screen readers; the numbers stand in a table beside it. All text is escaped.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROW, _BAR = 30, 14


def _svg(width: float, height: float, title: str, body: Sequence[str]) -> Markup:
    # Safe: `body` comes from the helpers below, which escape every text.
    marks = Markup("".join(body))  # noqa: S704
    head = Markup(
        '<svg viewBox="0 0 {:g} {:g}" role="img" width="100%" style="max-width:{:g}px">'
        "<title>{}</title>{}</svg>"
    )
    return head.format(width, height, width, title, marks)


def _text(x: float, y: float, text: object, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'class="{kind}">{inner}</rect>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def short(number: float) -> str:
    """A number in at most five characters.

    >>> short(0), short(950), short(12_345), short(2_000_000), short(1_234_567_890)
    ('0', '950', '12.3k', '2M', '1.23G')
    """
    value, unit = float(number), ""
    for unit in ("", "k", "M", "G", "T"):  # noqa: B007 - the unit is used below
        if abs(value) < 999.5:
            break
        value /= 1000
    return f"{value:.3g}{unit}"


def _cut(text: str, n: int = 26) -> str:
    return text if len(text) <= n else text[: n - 1] + "…"


def target_bars(rows: Sequence[tuple[str, int, int, int]], title: str) -> Markup:
    """Achieved as a bar, target as a mark across it, what is available as a pale bar behind.

    Args:
        rows: (domain, available, target, achieved).
        title: For screen readers.
    """
    left, right, width = 190.0, 110.0, 860.0
    scale = (width - left - right) / max([max(r[2], r[3], 1) for r in rows], default=1)
    limit = width - left - right
    body = []
    for i, (name, available, target, achieved) in enumerate(rows):
        y = 8 + i * _ROW
        tip = f"{name}: target {target:,}, achieved {achieved:,}, available {available:,}"
        body += [
            _text(left - 10, y + 15, _cut(name), "end", "label"),
            _rect(left, y + 2, min(available * scale, limit), _BAR + 4, "back", tip),
            _rect(left, y + 4, achieved * scale, _BAR, "main", tip),
            _line(left + target * scale, y, left + target * scale, y + _BAR + 8, "mark"),
            _text(width - right + 12, y + 15, short(achieved), kind="num"),
        ]
    return _svg(width, 16 + len(rows) * _ROW, title, body)


def histogram(passed: Sequence[int], dropped: Sequence[int], title: str) -> Markup:
    """20 score buckets; documents that failed a gate stand on top, pale."""
    width, height, base = 400.0, 132.0, 110.0
    step = (width - 4) / len(passed)
    most = max([a + b for a, b in zip(passed, dropped, strict=True)], default=0) or 1
    scale = (base - 12) / most
    body = [_line(0, base, width, base, "axis")]
    for i, (good, bad) in enumerate(zip(passed, dropped, strict=True)):
        x, y = 2 + i * step, base - good * scale
        tip = f"score {i / 20:g} to {(i + 1) / 20:g}: {good:,} passed, {bad:,} dropped by gates"
        body += [
            _rect(x + 1, y, step - 2, good * scale, "main", tip),
            _rect(x + 1, y - bad * scale, step - 2, bad * scale, "pale", tip),
        ]
    for at in (0, 5, 10, 15, 20):
        anchor = {0: "start", 20: "end"}.get(at, "middle")
        body.append(_text(2 + at * step, height - 6, f"{at / 20:g}", anchor, "tick"))
    return _svg(width, height, title, body)


def log_bars(rows: Sequence[tuple[str, int]], title: str) -> Markup:
    """Horizontal bars on a logarithmic axis from 1."""
    left, right, width = 120.0, 70.0, 480.0
    top = math.log10(max([n for _, n in rows], default=1) + 1) or 1.0
    body = []
    for i, (name, n) in enumerate(rows):
        y = 4 + i * 26
        length = math.log10(n + 1) / top * (width - left - right)
        body += [
            _text(left - 10, y + 14, name, "end", "label"),
            _rect(left, y + 3, length, 14, "main", f"{name}: {n:,}"),
            _text(left + length + 8, y + 14, f"{n:,}", kind="num"),
        ]
    return _svg(width, 8 + len(rows) * 26, title, body)


def s_curve(points: Sequence[tuple[float, float]], threshold: float, title: str) -> Markup:
    """Chance that a pair becomes a candidate, by its Jaccard similarity."""
    left, top, size_x, size_y = 42.0, 10.0, 350.0, 200.0

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * size_x, top + (1 - y) * size_y

    body = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick)
        body += [
            _line(left, y, left + size_x, y, "grid"),
            _text(left - 8, y + 4, f"{tick:g}", "end", "tick"),
            _text(x, top + size_y + 18, f"{tick:g}", "middle", "tick"),
        ]
    mark, _ = at(threshold, 0)
    path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in points)
    body += [
        _rect(mark, top, left + size_x - mark, size_y, "zone"),
        _line(mark, top, mark, top + size_y, "mark"),
        f'<polyline points="{path}" class="curve"/>',
        _text(left + size_x / 2, top + size_y + 38, "Jaccard similarity of the pair", "middle",
              "tick"),
    ]  # fmt: skip
    return _svg(left + size_x + 14, top + size_y + 46, title, body)
