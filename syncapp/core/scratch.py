"""The names of the self-test's scratch collections. They are synchronised like any collection of an application."""

from __future__ import annotations

import re

PREFIX = "isthmus_selftest_"
_NAME = re.compile(rf"^{PREFIX}[0-9a-f]{{12}}_[a-z]+_[0-9]+$")


def scratch_name(run: str, purpose: str, number: int) -> str:
    """`run`: 12 hexadecimal digits, drawn for each self-test; `purpose`: small letters."""
    return f"{PREFIX}{run}_{purpose}_{number}"


def scratch_pattern(run: str, purpose: str) -> str:
    """Matches all of these, and nothing else."""
    return f"{PREFIX}{run}_{purpose}_*"


def is_scratch(name: str) -> bool:
    """Did a self-test make it?"""
    return bool(_NAME.match(name))
