"""How many examples a property tries: a share of what the profile allows, so that slow ones stay quick in CI."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def share_of_examples(share: float) -> Any:
    """A decorator. CI tries 40 examples at a share of 1, the long profile 2,000."""
    return settings(max_examples=max(5, round(settings().max_examples * share)))
