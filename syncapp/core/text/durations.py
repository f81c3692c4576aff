"""Lengths of time and rates as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """42 s, 7 min, 3 h, 2 days. Less than nothing is 0 s: two clocks, or a report that came meanwhile."""
    seconds = max(0.0, seconds)
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def long_duration(seconds: float) -> str:
    """3 d 4 h, 5 h 12 min, 7 min, 42 s: what one plans with."""
    seconds = max(0.0, seconds)
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60)):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole:,} {unit} {rest // part} {smaller}" if rest // part else f"{whole:,} {unit}"
    return f"{seconds // 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def pace_text(rate: float | None, seconds_left: float | None) -> str:
    """`8,120 a second, about 3 min left`; empty: neither can be told. `rate`: documents a second."""
    if rate is None:
        return ""
    text = f"{rate:,.0f} a second"
    return text if seconds_left is None else f"{text}, about {duration(seconds_left)} left"
