"""A cactus plot: how many instances are solved, each within so many seconds; alone, or in a page with all results."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from ivan.batch.instances import InstanceList
from ivan.batch.results import Result
from ivan.batch.summary import LEAST, Summary
from ivan.pictures.drawing import Dot, Drawing, Label, Path

FORMATS = (".svg", ".png", ".html")
"""Suffixes of the files that can be drawn."""

WIDTH, HEIGHT, EDGE = 640, 400, 64
"""Of the picture, and of what is around its axes, in pixels."""

COLOURS = {"solved": "#000000", "unsat": "#0072b2", "sat": "#d55e00"}
"""Told apart by everyone (Okabe & Ito)."""

MOST_DOTS = 200
"""More of them would be a band."""


def drawn(suffix: str, listing: InstanceList, results: Sequence[Result]) -> str | bytes:
    """The file's content, by its suffix, one of FORMATS."""
    if suffix == ".html":
        return page(listing, results)
    drawing = plot(listing.benchmark, results)
    return drawing.svg() if suffix == ".svg" else drawing.png()


def plot(title: str, results: Sequence[Result]) -> Drawing:
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

    drawing = Drawing(WIDTH, HEIGHT)
    shapes = drawing.shapes
    shapes.append(Label((WIDTH / 2, EDGE / 2), title, "middle", 16.0))
    shapes.append(Label((WIDTH / 2, HEIGHT - 14), "instances solved", "middle"))
    shapes.append(Label((18, HEIGHT / 2), "seconds each", "middle", turned=True))
    for power in range(first, last + 1):
        at = y(10.0**power)
        shapes.append(Path(((EDGE, at), (right, at)), "#dddddd"))
        shapes.append(Label((EDGE - 8, at + 4), f"{10.0**power:g}", "end"))
    shapes += [Label((x(count), bottom + 20), str(count), "middle") for count in range(0, len(results) + 1, step)]
    corners = (EDGE, EDGE), (right, EDGE), (right, bottom), (EDGE, bottom), (EDGE, EDGE)
    shapes.append(Path(corners, "#888888"))
    for i, (name, seconds) in enumerate(curves.items()):
        points = tuple((x(k), y(value)) for k, value in enumerate(seconds, 1))
        if len(points) > 1:
            shapes.append(Path(points, COLOURS[name], 1.5))
        if len(points) <= MOST_DOTS:
            shapes += [Dot(point, 2.5, COLOURS[name]) for point in points]
        legend = EDGE + 18 + 18 * i
        shapes.append(Dot((EDGE + 16, legend - 4), 4, COLOURS[name]))
        shapes.append(Label((EDGE + 28, legend), f"{name} {len(seconds)}"))
    return drawing


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
{plot(listing.benchmark, results).svg()}
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
