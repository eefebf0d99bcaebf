"""Draws charts of lines as an SVG in plain text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .results import Load

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 58, 48
COLORS = ("#2563eb", "#d97706", "#059669", "#7c3aed")
SOLID, DASHED = "none", "5 4"
_TICKS = 5
_LEGEND_WIDTH = 86


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel: its points, in the units of the axes, and how it is drawn."""

    label: str
    points: Sequence[tuple[float, float]]
    color: str
    dashes: str = SOLID


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: what the vertical axis shows, with its unit; it starts at 0.
        across: what the horizontal axis shows.
        ticks: the places on that axis that have a label, from its left end to its right.
        lines: what is drawn.
    """

    title: str
    across: str
    ticks: Sequence[tuple[float, str]]
    lines: Sequence[Line]


def draw(panels: Sequence[Panel]) -> str:
    """Draw panels side by side."""
    width = len(panels) * _WIDTH
    drawn = "".join(_panel(place * _WIDTH, panel) for place, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" '
        f'height="{_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#374151">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{drawn}</svg>\n'
    )


def growth_chart(loads: Sequence[Load]) -> str:
    """Draw latency beside memory by number of clients, which double and so are equally far apart; p95 is dashed."""
    ticks = [(float(place), str(load.clients)) for place, load in enumerate(loads)]
    latency, memory = [], []
    for script, color in zip(loads[0].samples, COLORS, strict=False):
        for percent, dashes in ((50, SOLID), (95, DASHED)):
            values = [load.samples[script].percentile_ms(percent) for load in loads]
            latency.append(Line(f"{script} p{percent}", list(enumerate(values)), color, dashes))
        memory.append(Line(script, list(enumerate(load.memory_mib[script] for load in loads)), color))
    return draw(
        [Panel("Latency (ms)", "clients", ticks, latency), Panel("Memory, PSS (MiB)", "clients", ticks, memory)]
    )


def time_ticks(minutes: float) -> list[tuple[float, str]]:
    """Return the ticks of an axis of `minutes`."""
    step = tick_step(minutes)
    whole = [(number * step, f"{number * step:g}") for number in range(math.floor(minutes / step + 1e-9) + 1)]
    return whole if whole[-1][0] > minutes - step / 2 else [*whole, (minutes, "")]


def tick_step(highest: float) -> float:
    """Return the distance of an axis's ticks, 1, 2 or 5 times a power of ten, so that a few reach the highest value."""
    if highest <= 0:
        raise ValueError("an axis needs a positive value")
    power = 10.0 ** math.floor(math.log10(highest / _TICKS))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power * _TICKS >= highest * (1 - 1e-9))


def _panel(left: int, panel: Panel) -> str:
    """Draw one pair of axes with its lines."""
    highest = max((value for line in panel.lines for _, value in line.points), default=0) or 1
    step = tick_step(highest)
    top_value = step * math.ceil(highest / step - 1e-9)
    first, last = panel.ticks[0][0], panel.ticks[-1][0]

    def x(place: float) -> float:
        return left + _LEFT + (place - first) * (_WIDTH - _LEFT - _RIGHT) / ((last - first) or 1)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top_value * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(left + _LEFT, 20, panel.title, weight="600")]
    for number in range(round(top_value / step) + 1):
        height = y(number * step)
        parts.append(f'<path d="M{x(first):.1f} {height:.1f}H{x(last):.1f}" stroke="#e5e7eb"/>')
        parts.append(_text(x(first) - 8, height + 4, f"{number * step:g}", anchor="end"))
    parts += [_text(x(place), _HEIGHT - _BOTTOM + 18, label, anchor="middle") for place, label in panel.ticks]
    parts.append(_text((x(first) + x(last)) / 2, _HEIGHT - 8, panel.across, anchor="middle"))
    for number, line in enumerate(panel.lines):
        stroke = f'fill="none" stroke="{line.color}" stroke-width="2" stroke-dasharray="{line.dashes}"'
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in line.points)
        parts.append(f'<polyline points="{points}" {stroke}/>')
        legend = x(first) + number * _LEGEND_WIDTH
        parts.append(f'<path d="M{legend:.1f} 38h16" {stroke}/>{_text(legend + 20, 42, line.label)}')
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400") -> str:
    """Write a text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
