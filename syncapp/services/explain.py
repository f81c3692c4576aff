"""What sync knows about one document, and what it would do next: for whoever asks why a document is as it is. Nothing of
it is written; a question to the listener is left in Django's database for the seconds until it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from pymongo.errors import ExecutionTimeout

from syncapp.conf.settings import get_settings
from syncapp.core.content import document_key
from syncapp.core.decide import Case
from syncapp.core.rule.collection_rule import NO_RULE
from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.text.extended_json import beyond, extended_id
from syncapp.core.text.one_line import one_line
from syncapp.core.values import ABSENT, ATLAS_ORIGIN, UNKNOWN, DocumentKey, Side
from syncapp.core.wording import moment
from syncapp.engine.examine import Examined, examine
from syncapp.engine.holders import Holder
from syncapp.models import Conflict, RejectedChange
from syncapp.rules.refusals import RefusalCheck
from syncapp.rules.rules import load_rules
from syncapp.services.databases import database, refused_by
from syncapp.services.explain_queue import InQueue, asked
from syncapp.services.fingerprints import fingerprint
from syncapp.services.masked import Masks
from syncapp.services.next_step import NOTHING, next_step
from syncapp.services.reasons import Code, Reason, reasons_of
from syncapp.store import first_run as first_run_record
from syncapp.store.batches import Pushed, pushes_of
from syncapp.store.dirty import queued_since
from syncapp.store.first_run import State as FirstRunState
from syncapp.store.instance import known_instance_id

PROCESS = "explain"
NEWEST = 20  # entries of the history from each source
LOOK_MS = 5_000  # for the pushes recorded on Atlas

_CASES = {
    Case.EQUAL: "Both sides hold the same.",
    Case.AGREED: "The sides differ, and sync has agreed to that.",
    Case.ATLAS_CHANGED: "Atlas's version has changed since both sides were last agreed on.",
    Case.LOCAL_CHANGED: "The local version has changed since both sides were last agreed on.",
    Case.BOTH_CHANGED: "Both versions have changed since they were last agreed on.",
}
_TWICE = "Both sides have made the same change since they were last agreed on, and both changes count."


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a document's history."""

    at: dt.datetime
    what: str  # pushed, conflict, restored, resolved, rejected, queued
    text: str  # one line

    def as_document(self) -> dict[str, str]:
        return {"at": self.at.isoformat(), "what": self.what, "text": self.text}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`incomplete`: why the history lacks something. Empty: it is as long as records are kept. `barred`: why nothing of the
    collection is ever transferred; `held_up`: what sync waits for before it does anything. Empty: nothing of the kind."""

    found: Examined
    device: str
    reason: Reason | None
    history: tuple[Event, ...]
    incomplete: str = ""
    barred: str = ""
    held_up: str = ""
    queue: InQueue | None = None  # nobody was asked

    @property
    def equal(self) -> bool:
        return self.found.contents[Side.LOCAL] == self.found.contents[Side.ATLAS]

    @property
    def state(self) -> str:
        """In one sentence: what has changed."""
        if not any(self.found.versions.values()):
            return "Neither side has this document."
        if self.found.foreign and self.found.versions[Side.LOCAL] is None and self.equal:
            return "It is on Atlas only: it does not match the filter of the collection's rule."
        if not self.found.is_known and not self.equal:
            return "Sync has not decided anything about this document yet. " + _where(self.found)
        return _TWICE if self.found.twice else _CASES[self.found.case]

    @property
    def next(self) -> str:
        """In a sentence or two: what sync does about it."""
        if self.barred:
            return f"Nothing: {self.barred}"
        step = next_step(self.found)
        push = self.found.open_push
        if push is not None and not push.applied:
            # What is next if it is not applied after all
            when = moment(push.intent.at)
            step = f"The push of {when} is repeated, or has been overtaken: its outcome is not recorded yet. {step}"
        elif self.found.decision in NOTHING:
            return step
        return f"Nothing {self.held_up}. Then: {step}" if self.held_up else step

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        found, agreed = self.found, self.found.state
        push = found.open_push
        return {
            "collection": found.key.collection,
            "documentId": extended_id(found.key.id_bson),
            "device": self.device,
            "equal": self.equal,
            "state": self.state,
            "next": self.next,
            "decision": found.decision.value,
            "reason": self.reason.as_document() if self.reason else None,
            "rule": found.policy.rule.pattern if found.policy.rule is not NO_RULE else None,
            "local": _version(found, Side.LOCAL),
            "atlas": _version(found, Side.ATLAS),
            "agreed": {"local": _hash(agreed.local), "atlas": _hash(agreed.atlas)}
            if found.is_known
            else None,
            "decisions": agreed.counter,
            "holders": [_holder(one) for one in found.holders],
            "queue": self.queue.as_document() if self.queue else None,
            "openPush": {"at": _at(push.intent.at).isoformat(), "applied": push.applied} if push else None,
            "history": [event.as_document() for event in self.history],
            "historyIncomplete": self.incomplete,
        }


def explain(collection: str, id_bson: bytes) -> Explanation:
    """`id_bson`: BSON of {_id: …}. Raises NotPossible, Unreachable or DatabaseError."""
    key = document_key(collection, id_bson)
    with (
        database(Side.LOCAL, PROCESS) as local,
        database(Side.ATLAS, PROCESS) as atlas,
        refused_by(Side.LOCAL, "cannot explain the document"),
    ):
        device, rules = known_instance_id(local), load_rules(local)
        with asked(device, key) as answer:  # first: the listener answers meanwhile
            keep_hours = get_settings().origin_tracking_keep_hours
            found = examine({Side.LOCAL: local, Side.ATLAS: atlas}, key, rules.policy(collection), keep_hours)
            barred = _barred(local, atlas, collection)
            events = [*_queued(local, key), *_conflicts(key), *_rejected(key)]
            incomplete = ""
            try:
                events += [_pushed(one, device) for one in pushes_of(atlas, key, NEWEST, LOOK_MS)]
            except ExecutionTimeout:
                incomplete = f"Atlas holds too many records of pushes to find this document's within {LOOK_MS // 1000} s"
            first_run = first_run_record.load(local).state
            reason = _reason(found)
            queue = answer()
    history = sorted(events, key=lambda event: event.at, reverse=True)
    held_up = _held_up(first_run, reason, paused=rules.paused)
    return Explanation(found, device, reason, tuple(history), incomplete, barred, held_up, queue)


def _barred(local: Database[Any], atlas: Database[Any], collection: str) -> str:
    if is_reserved(collection):
        return "collections with such a name belong to sync or to the server, and are never synchronised."
    why = RefusalCheck(local, atlas).why(collection)
    return f"the collection is not synchronised. {why}" if why else ""


def _held_up(first_run: FirstRunState, reason: Reason | None, *, paused: bool) -> str:
    if first_run is not FirstRunState.DONE:
        return "before the first run is done"
    if paused:
        return "while sync is paused"
    if reason is not None and reason.code is Code.REJECTED:
        return (
            "until the rejected change is tried again (within a day, when the document changes, or by hand)"
        )
    return ""


def _reason(found: Examined) -> Reason | None:
    """Why the sides differ, where something is recorded or a rule says it."""
    if found.case in (Case.EQUAL, Case.AGREED):
        return None
    text = extended_id(found.key.id_bson)
    name = (found.key.collection, text, beyond(text, found.key.id_bson))
    return reasons_of([name], [] if found.versions[Side.ATLAS] else [name])[name]


def _queued(local: Database[Any], key: DocumentKey) -> Iterator[Event]:
    if queued := queued_since(local, key):
        at, why = queued
        yield Event(at, "queued", f"queued to be looked at again: {one_line(why)}")


def _pushed(push: Pushed, device: str) -> Event:
    made = push.made
    when = (
        "a change of an unknown time"
        if made.time is None
        else f"the change of {moment(made.time, made.exact)}"
    )
    where = "" if made.origin == push.device else f", made on {_by(made.origin, device)},"
    return Event(push.at, "pushed", f"{_by(push.device, device)} brought {when}{where} to Atlas")


def _conflicts(key: DocumentKey) -> Iterator[Event]:
    rows = Conflict.objects.filter(collection=key.collection, document_id_raw=key.id_bson).only(
        "id", "at", "collection", "winner", "because", "strategy", "restored_at", "resolved_at"
    )
    masks = Masks(None)  # all that may look at documents read it
    for row in rows[:NEWEST]:
        won = (
            "it needs manual resolution"
            if row.winner == Conflict.Winner.OPEN
            else f"the {row.winner} version won"
        )
        yield Event(
            row.at, "conflict", f"conflict {row.pk}: {won}; {one_line(masks.because(row) or row.strategy)}"
        )
        if row.resolved_at:
            yield Event(row.resolved_at, "resolved", f"conflict {row.pk} was resolved: {won}")
        if row.restored_at:
            yield Event(
                row.restored_at, "restored", f"the {row.loser} version of conflict {row.pk} was restored"
            )


def _rejected(key: DocumentKey) -> Iterator[Event]:
    rows = RejectedChange.objects.filter(collection=key.collection, document_id_raw=key.id_bson).only(
        "last_at", "attempts", "reason", "direction"
    )
    masks = Masks(None)  # all that may look at documents read it
    for row in rows[:NEWEST]:
        reason = one_line(masks.reason(key.collection, row.reason))
        times = f"{row.attempts} attempt{'s' * (row.attempts != 1)}"
        yield Event(
            row.last_at,
            "rejected",
            f"{row.get_direction_display()} rejected ({times}): {reason}",
        )


def _by(origin: str, device: str) -> str:
    if origin == ATLAS_ORIGIN:
        return "Atlas"
    return "this device" if origin == device else f"device {one_line(origin)}"


def _where(found: Examined) -> str:
    there = [
        name
        for side, name in ((Side.LOCAL, "the local database"), (Side.ATLAS, "Atlas"))
        if found.versions[side]
    ]
    return f"It is in {' and '.join(there)}."


def _version(found: Examined, side: Side) -> dict[str, Any]:
    version = found.versions[side]
    return {"present": version is not None, "bytes": len(version or b""), "hash": _hash(found.contents[side])}


def _hash(content: bytes) -> str | None:
    """None: absent. The same for both sides means: the same content."""
    if content == UNKNOWN:
        return "unknown"
    return None if content == ABSENT else fingerprint(content)


def _holder(one: Holder) -> dict[str, Any]:
    return {
        "side": one.side.value,
        "documentId": extended_id(one.key.id_bson),
        "neededBy": extended_id(one.for_key.id_bson),
        "index": one.unique_index,
        "givesUp": one.gives_up,
    }


def _at(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
