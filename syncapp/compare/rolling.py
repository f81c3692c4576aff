"""Which part of both sides is verified next: after the last one, so that several nights cover everything."""

from __future__ import annotations

from collections.abc import Sequence

from syncapp.store.run import Part, Run


def next_part(names: Sequence[str], last: Run | None, expected: int, budget_ms: int) -> Part:
    """`names`: of all collections that are synchronised now. `last`: the last such run that is done. The others: see Part."""
    there = sorted(names)
    if last is None or not last.names:
        return Part(tuple(there), None, (), expected, budget_ms)
    if last.at >= len(last.names):  # it came round
        return Part(_from(there, last.names[0]), None, (), expected, budget_ms)
    stopped = last.names[last.at]
    if stopped not in there or last.start is None:
        return Part(_from(there, stopped), None, (), expected, budget_ms)
    before = tuple(one for one in last.results if one["c"] == stopped)
    return Part(_from(there, stopped), last.start, before, expected, budget_ms)


def _from(names: list[str], first: str) -> tuple[str, ...]:
    """All names, from this one on; if it is gone, from the one after it."""
    return (*(one for one in names if one >= first), *(one for one in names if one < first))
