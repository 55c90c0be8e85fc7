"""A cactus plot: how many instances are solved, each within so many seconds. SVG, alone or in a page with all results.

Both are text that needs nothing else to be shown; a picture of pixels would need a library to draw letters.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from ivan.batch.instances import InstanceList
from ivan.batch.results import Result
from ivan.batch.summary import LEAST, Summary

FORMATS = (".svg", ".html")
"""Suffixes of the files that can be drawn."""

WIDTH, HEIGHT, EDGE = 640, 400, 64
"""Of the picture, and of what is around its axes, in pixels."""

COLOURS = {"solved": "#000000", "unsat": "#0072b2", "sat": "#d55e00"}
"""Told apart by everyone (Okabe & Ito)."""


def drawn(suffix: str, listing: InstanceList, results: Sequence[Result]) -> str:
    """The file's content, by its suffix, one of FORMATS."""
    return svg(listing.benchmark, results) if suffix == ".svg" else page(listing, results)


def svg(title: str, results: Sequence[Result]) -> str:
    """Instances to the right, sorted by their seconds, which go upwards in powers of ten; a curve for each verdict."""
    curves = {name: _seconds(results, name) for name in COLOURS}
    numbers = curves["solved"] or [1.0]
    first = math.floor(math.log10(numbers[0]))
    last = max(first + 1, math.ceil(math.log10(numbers[-1])))
    step = _step(len(results))
    right, bottom = WIDTH - EDGE, HEIGHT - EDGE

    def x(count: float) -> float:
        return EDGE + (right - EDGE) * count / max(1, len(results))

    def y(seconds: float) -> float:
        return bottom - (bottom - EDGE) * (math.log10(seconds) - first) / (last - first)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, EDGE / 2, html.escape(title), "middle", 'font-size="16"'),
        _text(WIDTH / 2, HEIGHT - 14, "instances solved", "middle"),
        _text(18, HEIGHT / 2, "seconds each", "middle", f'transform="rotate(-90 18 {HEIGHT / 2:g})"'),
    ]
    for power in range(first, last + 1):
        at = y(10.0**power)
        parts.append(f'<line x1="{EDGE}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(_text(EDGE - 8, at + 4, f"{10.0**power:g}", "end"))
    parts += [_text(x(count), bottom + 20, str(count), "middle") for count in range(0, len(results) + 1, step)]
    parts.append(
        f'<rect x="{EDGE}" y="{EDGE}" width="{right - EDGE}" height="{bottom - EDGE}" fill="none" stroke="#888"/>'
    )
    for i, (name, seconds) in enumerate(curves.items()):
        points = [(x(k), y(value)) for k, value in enumerate(seconds, 1)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.5"/>')
        if len(points) <= 200:  # more of them would be a band
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{COLOURS[name]}"/>' for a, b in points]
        legend = EDGE + 18 + 18 * i
        parts.append(f'<circle cx="{EDGE + 16}" cy="{legend - 4}" r="4" fill="{COLOURS[name]}"/>')
        parts.append(_text(EDGE + 28, legend, f"{name} {len(seconds)}", "start"))
    return "\n".join([*parts, "</svg>", ""])


def page(listing: InstanceList, results: Sequence[Result]) -> str:
    """An HTML page: the picture, the numbers, and a row for every instance."""
    summary = Summary.of(results)
    mean = "" if summary.geometric_mean is None else f", geometric mean {summary.geometric_mean:.3g} s"
    reused = "" if summary.reused is None else f", {summary.reused:.1%} of the stored proofs' leaves reused"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary.counts.items() if count)
    title = html.escape(listing.benchmark)
    rows = "\n".join(_row(result) for result in results)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222 }}
svg {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: 0.2em 0.6em; border-bottom: 1px solid #ddd }}
td:nth-child(-n+2) {{ overflow-wrap: anywhere }}
td:nth-child(n+3) {{ white-space: nowrap }}
td:nth-child(n+4), th:nth-child(n+4) {{ text-align: right }}
.unsat {{ color: {COLOURS["unsat"]} }} .sat {{ color: {COLOURS["sat"]} }} .error {{ font-weight: bold }}
</style>
<h1>{title}</h1>
<p>{summary.solved} of {summary.instances} solved: {counts}. PAR2 {summary.par2:.3g} s{mean}{reused}.</p>
{svg(listing.benchmark, results)}
<table>
<tr><th>model<th>property<th>verdict<th>seconds<th>leaves<th>reused
{rows}
</table>
</html>
"""


def _row(result: Result) -> str:
    reused = "" if not result.base_leaves else f"{result.reused_leaves:,} of {result.base_leaves:,}"
    title = f' title="{html.escape(result.reason)}"' if result.reason else ""
    return (
        f"<tr><td>{html.escape(result.instance.onnx)}<td>{html.escape(result.instance.vnnlib)}"
        f'<td class="{result.verdict}"{title}>{result.verdict}<td>{result.seconds:.3f}'
        f"<td>{result.leaves or '':{',' if result.leaves else ''}}<td>{reused}"
    )


def _seconds(results: Sequence[Result], name: str) -> list[float]:
    """Of the instances with that verdict, sorted."""
    chosen = [result for result in results if result.solved and name in ("solved", result.verdict)]
    return sorted(max(result.seconds, LEAST) for result in chosen)


def _step(count: int) -> int:
    """Between two numbers on the axis: 1, 2 or 5 times a power of ten, so that there are about ten of them."""
    power = 1
    while 10 * power * 10 < count:
        power *= 10
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if count <= 10 * step)


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{text}</text>'
