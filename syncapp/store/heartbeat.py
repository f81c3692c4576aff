"""The heartbeat that shows when a database has gone back in time: a counter that a device raises in its
document in Atlas's `_sync_devices` ({_id: instance id, counter, nonce, and the device's report: `store/devices.py`) and, the
same, in the local `_sync_metadata` ({_id: "heartbeat", last: {counter, nonce}, coming: {counter, nonce} or null}). The
listener writes both, and says when (`listener/beats.py`).

Atlas's lower than ours: Atlas was restored from a backup. Ours lower than Atlas's: the local database was.
Raised by another listener: two databases use one instance id. Each beat has a nonce, to distinguish equal counters
of two copies. The latency from a beat to its event on the stream is the end-to-end lag.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from syncapp.core.values import Side
from syncapp.mongo.transaction import session_of
from syncapp.store.batches import insert_cancelled, new_batch_id
from syncapp.store.devices import name_and_time
from syncapp.store.halts import Kind
from syncapp.store.names import DEVICES, HEARTBEAT, METADATA

LOOKS = 3  # a beat may occur between the two reads of a check
KEEP_BEATS = 100  # whose events are still awaited


@dataclass(frozen=True, slots=True)
class Beat:
    counter: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The local record: the last beat acknowledged by Atlas, and one that may have been applied there."""

    last: Beat | None = None
    coming: Beat | None = None


def judge(kept: Kept, there: Beat | None, seen: Beat | None = None) -> Kind | None:
    """The detected problem. None: none.

    `there`: Atlas's beat, read before `kept` was. `seen`: the last beat of this very session.
    """
    if kept.last is None and kept.coming is None:
        return Kind.LOCAL_RESTORED if there else None
    if there is None:
        # Even the first beat may not have arrived
        return Kind.ATLAS_RESTORED if kept.last else None
    if there in (kept.last, kept.coming):
        return None
    counter = kept.last.counter if kept.last else 0
    if there.counter < counter:
        return Kind.ATLAS_RESTORED
    if there.counter > counter and not (seen and counter >= seen.counter):
        return Kind.LOCAL_RESTORED
    return Kind.DEVICE_COPIED  # raised by another listener


def read_kept(local: Database[Any]) -> Kept:
    found = local[METADATA].find_one({"_id": HEARTBEAT}) or {}
    return Kept(_beat(found.get("last")), _beat(found.get("coming")))


def read_there(atlas: Database[Any], device: str, session: ClientSession | None = None) -> Beat | None:
    return _beat(atlas[DEVICES].find_one({"_id": device}, {"counter": 1, "nonce": 1}, session=session))


def nonce_of(record: Mapping[str, Any]) -> str:
    """Of a device's document in Atlas, or of the local record."""
    last = record.get("last")
    return str((record if last is None else last).get("nonce", ""))


def look(
    local: Database[Any], atlas: Database[Any], device: str, seen: Beat | None = None
) -> tuple[Kind | None, Kept, Beat | None]:
    """Read both counters and judge. Raises PyMongoError."""
    for _ in range(LOOKS):
        # Atlas first: a beat is written to the local database before it is written there
        there = read_there(atlas, device)
        kept = read_kept(local)
        kind = judge(kept, there, seen)
        if kind is None:
            return None, kept, there
    # A deposed primary that does not know it yet answers with an older beat; it cannot confirm a write
    with session_of(atlas, causal=True) as session:
        insert_cancelled(atlas, new_batch_id(), device, session)
        there = read_there(atlas, device, session)
    kept = read_kept(local)
    return judge(kept, there, seen), kept, there


def adopt(local: Database[Any], atlas: Database[Any], device: str, session: Any = None) -> None:
    """An operator has answered: continue at Atlas's counter. Raises PyMongoError."""
    there = read_there(atlas, device)
    if there is None:
        forget(local, session)
    else:
        document = {"_id": HEARTBEAT, "last": _document(there)}
        local[METADATA].replace_one({"_id": HEARTBEAT}, document, upsert=True, session=session)


def forget(local: Database[Any], session: Any = None) -> None:
    """Reset the counter. Raises PyMongoError."""
    local[METADATA].delete_one({"_id": HEARTBEAT}, session=session)


class Heartbeat:
    """`about`: the device's report, which Atlas's document holds too."""

    def __init__(
        self,
        local: Database[Any],
        atlas: Database[Any],
        device: str,
        about: Callable[[], Mapping[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local = local
        self._atlas = atlas
        self._device = device
        self._about = about
        self._clock = clock
        self._seen: Beat | None = None
        self._sent: OrderedDict[tuple[Side, str], float] = OrderedDict()
        self.ages_ms: dict[Side, float] = {}  # of the last beat of each side that was read from its stream

    @property
    def seen(self) -> Beat | None:
        """The last one that was raised here, on both sides."""
        return self._seen

    def check(self) -> Kind | None:
        """Read both counters, and write nothing. Returns a detected problem. Raises PyMongoError."""
        return look(self._local, self._atlas, self._device, self._seen)[0]

    def beat(self) -> Kind | None:
        """Check both counters and raise them. Returns a detected problem: then nothing
        is raised. Raises PyMongoError."""
        kind, kept, there = look(self._local, self._atlas, self._device, self._seen)
        if kind is not None:
            return kind
        new = _next(kept, there)
        if self._announce(kept, there, new) and self._raise(there, new):
            self._confirm(new)
            self._seen = new
        return None

    def arrived(self, side: Side, nonce: str) -> None:
        """A beat's event was read from a stream."""
        sent = self._sent.pop((side, nonce), None)
        if sent is not None:
            self.ages_ms[side] = (self._clock() - sent) * 1000

    def _announce(self, kept: Kept, there: Beat | None, new: Beat) -> bool:
        """False: another listener (one that was paused) was first."""
        document = {"_id": HEARTBEAT, "last": _document(there), "coming": _document(new)}
        if kept == Kept():
            try:
                self._local[METADATA].insert_one(document)
            except DuplicateKeyError:
                return False
            return True
        known = {"_id": HEARTBEAT, "last": _document(kept.last), "coming": _document(kept.coming)}
        del document["_id"]
        return self._local[METADATA].update_one(known, {"$set": document}).matched_count == 1

    def _raise(self, there: Beat | None, new: Beat) -> bool:
        name, now = name_and_time(self._atlas, self._device)
        document = {"_id": self._device, **_document(new), **self._about(), "at": now}
        self._await(Side.ATLAS, new)
        if there is None:
            try:
                self._atlas[DEVICES].insert_one(document)
            except DuplicateKeyError:
                return False
            return True
        # A replacement, since only its event contains the nonce; an operator may give another name at this moment
        known = {
            "_id": self._device,
            **_document(there),
            "name": {"$exists": False} if name is None else name,
        }
        named = document if name is None else {**document, "name": name}
        return self._atlas[DEVICES].replace_one(known, named).matched_count == 1

    def _confirm(self, new: Beat) -> None:
        self._await(Side.LOCAL, new)
        # A replacement: its event contains the whole document, including the nonce
        self._local[METADATA].replace_one(
            {"_id": HEARTBEAT, "coming": _document(new)}, {"last": _document(new), "coming": None}
        )

    def _await(self, side: Side, beat: Beat) -> None:
        self._sent[side, beat.nonce] = self._clock()
        while len(self._sent) > KEEP_BEATS:
            self._sent.popitem(last=False)


def _next(kept: Kept, there: Beat | None) -> Beat:
    """One that was announced and is not there yet is sent again, and none instead of it: after an election Atlas may
    hold it without a majority, unseen, and then it must be known when it is seen."""
    if kept.coming is not None and there == kept.last:
        return kept.coming
    return Beat((there.counter if there else 0) + 1, uuid.uuid4().hex)


def _document(beat: Beat | None) -> Any:
    return {"counter": beat.counter, "nonce": beat.nonce} if beat else None


def _beat(found: Mapping[str, Any] | None) -> Beat | None:
    return Beat(int(found["counter"]), str(found["nonce"])) if found else None
