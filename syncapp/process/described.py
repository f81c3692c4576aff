"""What the API's views say of themselves, kept until somebody asks for the description: applied at once it would load all that
writes it, and make a class of each of more than a hundred methods, which is 9 MB of a web process that is hardly ever asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular import utils

View = TypeVar("View", bound=type)
_kept: list[tuple[Callable[[Any], Any], type]] = []
_applying = threading.Lock()


def extend_schema_view(**methods: Callable[[Any], Any]) -> Callable[[View], View]:
    """As drf-spectacular's, only later."""

    def keep(view: View) -> View:
        _kept.append((utils.extend_schema_view(**methods), view))
        return view

    return keep


def apply(endpoints: list[Any], **options: Any) -> list[Any]:
    """A hook that is called before the description is written. Of two requests at once the second waits, since half of it
    would be no description."""
    with _applying:
        while _kept:
            describe, view = _kept.pop(0)
            describe(view)
    return endpoints
