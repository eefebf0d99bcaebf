"""Draws how latency and memory grow with the clients, as an SVG in plain text."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from .results import Load

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 58, 48
_COLORS = ("#2563eb", "#d97706")  # one for each script
_TICKS = 5

# By label: a value for each number of clients, the color and the dashes.
Lines = Mapping[str, tuple[Sequence[float], str, str]]


def growth_chart(loads: Sequence[Load]) -> str:
    """Draw latency beside memory; p95 is dashed."""
    clients = [load.clients for load in loads]
    latency: dict[str, tuple[Sequence[float], str, str]] = {}
    memory: dict[str, tuple[Sequence[float], str, str]] = {}
    for script, color in zip(loads[0].samples, _COLORS, strict=True):
        for percent, dashes in ((50, "none"), (95, "5 4")):
            values = [load.samples[script].percentile_ms(percent) for load in loads]
            latency[f"{script} p{percent}"] = values, color, dashes
        memory[script] = [load.memory_mib[script] for load in loads], color, "none"
    panels = _panel(0, "Latency (ms)", clients, latency) + _panel(_WIDTH, "Memory, PSS (MiB)", clients, memory)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" width="{2 * _WIDTH}" '
        f'height="{_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#374151">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{panels}</svg>\n'
    )


def tick_step(highest: float) -> float:
    """Return the distance of an axis's ticks, 1, 2 or 5 times a power of ten, so that a few reach the highest value."""
    if highest <= 0:
        raise ValueError("an axis needs a positive value")
    power = 10.0 ** math.floor(math.log10(highest / _TICKS))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power * _TICKS >= highest * (1 - 1e-9))


def _panel(left: int, title: str, clients: Sequence[int], lines: Lines) -> str:
    """Draw one pair of axes with its lines; the clients are equally far apart, as they double."""
    highest = max(max(values) for values, _, _ in lines.values())
    step = tick_step(highest)
    top_value = step * math.ceil(highest / step - 1e-9)

    def x(place: int) -> float:
        return left + _LEFT + place * (_WIDTH - _LEFT - _RIGHT) / max(len(clients) - 1, 1)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top_value * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(left + _LEFT, 20, title, weight="600")]
    for number in range(round(top_value / step) + 1):
        height = y(number * step)
        parts.append(f'<path d="M{x(0):.1f} {height:.1f}H{x(len(clients) - 1):.1f}" stroke="#e5e7eb"/>')
        parts.append(_text(x(0) - 8, height + 4, f"{number * step:g}", anchor="end"))
    for place, number in enumerate(clients):
        parts.append(_text(x(place), _HEIGHT - _BOTTOM + 18, str(number), anchor="middle"))
    parts.append(_text((x(0) + x(len(clients) - 1)) / 2, _HEIGHT - 8, "clients", anchor="middle"))
    for number, (label, (values, color, dashes)) in enumerate(lines.items()):
        stroke = f'fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}"'
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(values))
        parts.append(f'<polyline points="{points}" {stroke}/>')
        legend = x(0) + number * 86
        parts.append(f'<path d="M{legend:.1f} 38h16" {stroke}/>{_text(legend + 20, 42, label)}')
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400") -> str:
    """Write a text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
