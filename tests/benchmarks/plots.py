"""Bars as SVG, small enough to be kept beside the documents. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from tests.benchmarks.figures import medians
from tests.benchmarks.results import Results
from tests.benchmarks.table import ARROWS, CEILING, LIMIT, NAIVE, PRODUCT, number

COLOURS = {PRODUCT: "#2563eb", LIMIT: "#94a3b8", CEILING: "#cbd5e1", NAIVE: "#f59e0b"}
WIDTH, NAMES, RIGHT = 760, 230, 70  # pixels: all, for the names, for the figures behind the bars
BAR, GAP, HEAD = 14, 10, 52


@dataclass(frozen=True)
class Group:
    """One name and its bars: (who, value)."""

    name: str
    bars: tuple[tuple[str, float], ...]


def bars(title: str, groups: list[Group], digits: int = 0) -> str:
    """A chart of horizontal bars, one group under the other."""
    height = HEAD + sum(len(group.bars) * BAR + GAP for group in groups)
    most = max((value for group in groups for _, value in group.bars), default=1.0) or 1.0
    scale = (WIDTH - NAMES - RIGHT) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for place, who in enumerate(dict.fromkeys(who for group in groups for who, _ in group.bars)):
        x = NAMES + place * 120
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{_colour(who, place)}"/>')
        parts.append(f'<text x="{x + 15}" y="37">{escape(who)}</text>')
    y = HEAD
    for group in groups:
        middle = y + len(group.bars) * BAR / 2 + 4
        parts.append(f'<text x="{NAMES - 8}" y="{middle:.0f}" text-anchor="end">{escape(group.name)}</text>')
        for place, (who, value) in enumerate(group.bars):
            width = max(1.0, value * scale)
            parts.append(
                f'<rect x="{NAMES}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{_colour(who, place)}"/>'
            )
            parts.append(
                f'<text x="{NAMES + width + 5:.1f}" y="{y + BAR - 4}" font-size="11">{number(value, digits)}</text>'
            )
            y += BAR
        y += GAP
    return "\n".join([*parts, "</svg>", ""])


def _colour(who: str, place: int) -> str:
    return COLOURS.get(who, ("#2563eb", "#60a5fa", "#bfdbfe", "#94a3b8")[place % 4])


def all_plots(results: Results) -> dict[str, str]:
    """File name → SVG, of what was measured."""
    found = {
        "drain.svg": bars("Draining a backlog: changes a second", _drains(results)),
        "workers.svg": bars("More worker processes: changes a second", _workers(results)),
        "latency.svg": bars("Latency at 50 writes/s: p50 in milliseconds", _latencies(results), 1),
    }
    return {name: svg for name, svg in found.items() if "<rect x=" in svg}


def _drains(results: Results) -> list[Group]:
    plain = [
        one for one in results.drains
        if not (one.live or one.round_trip_ms) and (one.contender != PRODUCT or not one.workers)
    ]  # fmt: skip
    rates = medians(
        ((f"{one.workload}, {ARROWS[one.source]}", one.contender), one.per_second) for one in plain
    )
    return _groups(rates, (PRODUCT, LIMIT, CEILING, NAIVE))


def _workers(results: Results) -> list[Group]:
    grown = [one for one in results.drains if one.contender == PRODUCT and one.workers]
    rates = medians(
        ((f"{one.workload}, {ARROWS[one.source]}", f"{one.workers} processes"), one.per_second)
        for one in grown
    )
    return _groups(rates, tuple(dict.fromkeys(who for _, who in rates)))


def _latencies(results: Results) -> list[Group]:
    chosen = [one for one in results.latencies if one.rate == 50 and not one.round_trip_ms]
    return _groups(
        medians(((ARROWS[one.source], one.contender), one.p50) for one in chosen), (PRODUCT, LIMIT, NAIVE)
    )


def _groups(values: dict[tuple[str, str], float], order: tuple[str, ...]) -> list[Group]:
    names = dict.fromkeys(name for name, _ in values)
    return [
        Group(name, tuple((who, values[name, who]) for who in order if (name, who) in values))
        for name in names
    ]
