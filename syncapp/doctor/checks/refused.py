"""Collections that are not synchronised, by design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncapp.core.values import BOTH, Side
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.rules.refusals import refusals


def judge(refused: Mapping[str, str]) -> Iterator[Finding]:
    for name, why in refused.items():
        yield Finding(Level.NOTE, f"{name} is not synchronised. {why}")
    if not refused:
        yield Finding(Level.OK, "Every collection can be synchronised")


def look(setup: Setup) -> Iterator[Finding]:
    yield from judge(refusals(setup.databases[Side.LOCAL], setup.databases[Side.ATLAS]))


CHECKS = (Check("refused", look, BOTH, place=18),)
