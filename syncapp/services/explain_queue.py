"""What only the active listener knows of one document: where it is in its queue, and what it waits for there. It is asked by a row in
Django's database, which it looks for when it reports (listener/telemetry/questions.py), and which is removed afterwards."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.text.one_line import one_line
from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.listener.queue.whereabouts import Place
from syncapp.listener.telemetry.questions import KEPT
from syncapp.models import Instance, QueueQuestion

ANSWER_SECONDS = 5.0  # it looks each second, on a small device each two
POLL_SECONDS = 0.1
SILENT = dt.timedelta(seconds=30)  # a listener that has not reported for so long is not waited for
NOT_KNOWN = "what waits in its queue is not known"
_STREAMS = {Side.LOCAL: "the local stream", Side.ATLAS: "Atlas's stream"}
_SAID = {
    Place.TOGETHER: "It goes out together with all that waits of its collection, since values of unique indexes move between "
    "documents, when what is out of it is back.",
    Place.STRUCTURE: "Nothing of its collection goes out before a drop or a rename of it is judged.",
    Place.RULES: "It waits for other rules: by those that hold, or that the listener has read, it cannot go.",
}


@dataclass(frozen=True, slots=True)
class InQueue:
    """`place` empty: it is not known, and `text` says why. `found`: as the listener has answered."""

    text: str
    place: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        in_ms = self.found.get("in_ms")
        return {
            "place": self.place or None,
            "text": self.text,
            "attempts": self.found.get("attempts", 0),
            "nextInMs": max(0, in_ms) if in_ms is not None and self.place == Place.DELAYED else None,
            "readTo": _as_times(self.found.get("read_to", {})),
            "waitsFor": _as_times(self.found.get("wanted", {})),
        }


@contextmanager
def asked(device: str, key: DocumentKey) -> Iterator[Callable[[], InQueue]]:
    """Asks at once. What it yields waits for the answer, and says plainly if none comes. Raises DatabaseError."""
    now = dt.datetime.now(dt.UTC)
    row = Instance.objects.filter(instance_id=device).first()
    if row is None or row.seen_at is None or now - row.seen_at > SILENT:
        since = f"since {row.seen_at:%Y-%m-%d %H:%M:%S} UTC" if row and row.seen_at else "yet"
        silent = InQueue(f"The listener has not reported {since}: {NOT_KNOWN}.")
        yield lambda: silent
        return
    question = QueueQuestion.objects.create(
        instance_id=device, collection=key.collection, document_id_raw=key.id_bson, asked_at=now
    )
    until = time.monotonic() + ANSWER_SECONDS
    stops = row.stops
    try:
        yield lambda: _wait(question.pk, until, stops)
    finally:
        QueueQuestion.objects.filter(id=question.pk).delete()
        QueueQuestion.objects.filter(instance_id=device, asked_at__lt=now - KEPT).delete()


def _wait(question: int, until: float, stops: Mapping[str, Any]) -> InQueue:
    while True:
        found = QueueQuestion.objects.filter(id=question).values_list("answer", flat=True).first()
        if found is not None:
            return InQueue(said(found, stops), found["place"], found)
        if time.monotonic() >= until:
            seconds = f"{ANSWER_SECONDS:.0f} s"
            return InQueue(f"The listener has not answered within {seconds}: {NOT_KNOWN}.")
        time.sleep(POLL_SECONDS)


def said(found: Mapping[str, Any], stops: Mapping[str, Any]) -> str:
    """In one to three sentences. `stops`: as the listener reports them."""
    place, others, in_ms = found["place"], found["others"], found["in_ms"] or 0
    if place == Place.NOWHERE:
        return f"The listener has nothing of it in its queue; {_read(found['read_to'])}."
    if place == Place.STREAM:
        wanted = [f"{_STREAMS[Side(side)]} past {_time(at)}" for side, at in found["wanted"].items()]
        text = f"It waits until the listener has read {' and '.join(wanted)}; {_read(found['read_to'])}."
    elif place == Place.DELAYED:
        text = f"It is tried again in {max(0, in_ms) / 1000:.1f} s."
    elif place == Place.TASK:
        text = f"It is in a task now{_with(others)}, which {_alive(in_ms)}."
        if found["changed_again"]:
            text += " It has changed since then, and goes out once more afterwards."
    elif place == Place.READY:
        text = (
            f"It is ready to go out, {'alone' if not others else f'with {others:,} more'} of its collection."
        )
        text += _ahead(found["ahead"])
        if found["gathered"]:
            text += " All of them go out together, since values of unique indexes move between documents."
    else:
        text = _SAID[place]
    return text + _failed(found) + _stopped(place, stops)


def _with(others: int) -> str:
    return f" with {others:,} other{'s' * (others != 1)} of its collection" if others else ""


def _alive(in_ms: int) -> str:
    if in_ms > 0:  # it has said how long it is silent
        return f"could not be carried out, and is tried again within {in_ms / 1000:.1f} s"
    return f"was handed out, or has reported, {-in_ms / 1000:.1f} s ago"


def _ahead(ahead: Mapping[str, int]) -> str:
    levels = [(level, ahead[level]) for level in Urgency if ahead.get(level)]
    if not levels:
        return ""
    before = " and ".join(f"{count:,} of urgency “{level.value}”" for level, count in levels)
    return f" More urgent collections go before it: {before}."


def _failed(found: Mapping[str, Any]) -> str:
    attempts, losses = found["attempts"], found["losses"]
    text = f" {attempts} attempt{'s' * (attempts != 1)} failed." if attempts else ""
    if losses:
        text += f" A worker process was lost {losses} time{'s' * (losses != 1)} while it had it."
    return text


def _stopped(place: str, stops: Mapping[str, Any]) -> str:
    """What keeps everything from going out."""
    if place not in (Place.READY, Place.TASK):
        return ""
    if "broker" in stops:
        return f" The broker is away: {one_line(stops['broker']['text'])}."
    return " No worker answers." if "workers" in stops else ""


def _read(read_to: Mapping[str, int]) -> str:
    read = [f"{_STREAMS[side]} up to {_time(read_to[side])}" for side in BOTH if read_to.get(side)]
    return f"it has read {' and '.join(read)}" if read else "it has not read the streams yet"


def _time(position: int) -> str:
    return f"{_moment(position):%Y-%m-%d %H:%M:%S} UTC"


def _moment(position: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(position >> 32, dt.UTC)


def _as_times(positions: Mapping[str, int]) -> dict[str, str | None]:
    return {side.value: _moment(at).isoformat() if (at := positions.get(side)) else None for side in BOTH}
