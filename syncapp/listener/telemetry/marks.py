"""Records what happened, for the charts of the live page. What is recorded twice is one row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from syncapp.core.text.one_line import one_line
from syncapp.core.version import VERSION
from syncapp.models import Mark


def note_start(started_at: dt.datetime, holder: str) -> None:
    """The listener's start; and if another version ran before, that. Raises DatabaseError."""
    before = Mark.objects.filter(kind=Mark.Kind.VERSION).values_list("text", flat=True).first()
    text = f"Version {VERSION}"
    if before != text:
        _note(Mark.Kind.VERSION, started_at, text, f"{text} {started_at.isoformat()}")
    _note(Mark.Kind.START, started_at, f"Listener started ({holder})", f"{holder} {started_at.isoformat()}")


def note_halts(halts: Iterable[Mapping[str, Any]]) -> None:
    """`halts`: as documents. Raises DatabaseError."""
    for halt in halts:
        at = halt["at"] if isinstance(halt["at"], dt.datetime) else dt.datetime.fromisoformat(halt["at"])
        _note(Mark.Kind.HALT, at, f"Halted: {halt['detail']}", f"{halt['id']} {at.isoformat()}")


def _note(kind: Mark.Kind, at: dt.datetime, text: str, key: str) -> None:
    """`key` is unique and of bounded length: names of collections are at most 255 characters."""
    values = {"kind": kind, "at": at, "text": one_line(text)}
    Mark.objects.get_or_create(key=one_line(f"{kind} {key}")[:400], defaults=values)
