"""Where one key is in the queue, and what it waits for: for whoever asks why its document is not on the other side yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from syncapp.core.values import DocumentKey, Side, Word
from syncapp.listener.queue.ready_keys import ReadyKeys
from syncapp.listener.queue.tasks import TasksOut
from syncapp.listener.queue.waiting_keys import WaitingKeys
from syncapp.listener.queue.work import Work


class Place(Word):
    NOWHERE = "nowhere"  # no change of it is unfinished
    TASK = "task"  # handed out
    READY = "ready"
    TOGETHER = "together"  # with all of its collection, when what of that is out is back
    STRUCTURE = "structure"  # until a drop or a rename of its collection is judged
    STREAM = "stream"  # until the streams are read further
    DELAYED = "delayed"  # it failed, and is tried again
    RULES = "rules"  # until other rules hold


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`others`: keys that are in its task, or ready in its collection. `in_ms`: until it is tried again; negative: so long ago its
    task was handed out or gave a sign of life. `wanted`: positions that the streams must be read past. `ahead`: ready keys
    of more urgent collections."""

    place: Place
    read_to: Mapping[Side, int]
    attempts: int = 0
    losses: int = 0
    others: int = 0
    in_ms: int | None = None
    gathered: bool = False
    changed_again: bool = False
    wanted: Mapping[Side, int] = field(default_factory=dict)
    ahead: Mapping[str, int] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


def find(
    key: DocumentKey, dirty: Work | None, out: TasksOut, ready: ReadyKeys, waiting: WaitingKeys, now: float
) -> Whereabouts:
    """`dirty`: of the key, as far as it is not handed out."""
    read_to = dict(waiting.read_to)
    if (task := out.of(key)) is not None:
        work, in_ms = task.keys[key], round(1000 * (task.alive_at - now))
        return Whereabouts(
            Place.TASK, read_to, work.attempts, work.lost.times if work.lost else 0, len(task.keys) - 1, in_ms,
            task.gathered, changed_again=dirty is not None,
        )  # fmt: skip
    if dirty is None:
        return Whereabouts(Place.NOWHERE, read_to)
    place, moment = _place(key, dirty, out, ready), waiting.moment_of(dirty)
    return Whereabouts(
        place, read_to, dirty.attempts, dirty.lost.times if dirty.lost else 0,
        others=ready.count(key.collection) - 1 if dirty.ready else 0,
        in_ms=None if moment is None or place is not Place.DELAYED else round(1000 * (moment - now)),
        gathered=key.collection in ready.gathered,
        wanted=waiting.wanted(dirty) if place is Place.STREAM else {},
        ahead=ready.ahead_of(key.collection) if place is Place.READY else {},
    )  # fmt: skip


def _place(key: DocumentKey, work: Work, out: TasksOut, ready: ReadyKeys) -> Place:
    if work.parked:
        return Place.RULES
    if work.waiting:
        return Place.STREAM
    if not work.ready:
        return Place.DELAYED
    if key.collection in ready.blocked or key.collection in ready.barred:
        return Place.STRUCTURE
    return Place.TOGETHER if key.collection in out.held(ready.gathered) else Place.READY
