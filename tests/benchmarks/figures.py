"""What is computed of measurements: pure, so that tests can hold it to account."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from statistics import median
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def percentile(values: list[float], percent: float) -> float:
    """The smallest of sorted values that is not below `percent` of them."""
    if not values:
        raise ValueError("no values")
    rank = -(-len(values) * percent // 100)  # rounded up
    return values[max(0, min(len(values), int(rank)) - 1)]


def medians(measured: Iterable[tuple[K, float]]) -> dict[K, float]:
    """The median of each key's values, keys in the order in which they came."""
    values: dict[K, list[float]] = {}
    for key, value in measured:
        values.setdefault(key, []).append(value)
    return {key: median(found) for key, found in values.items()}


def ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def median_of_maps(maps: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The median of each name's values; a map may lack a name."""
    return medians((name, value) for one in maps for name, value in one.items())
