"""The input of decisions: what Atlas holds, and the outcome of pushes that is not recorded yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from syncapp.core.clock import now_ms
from syncapp.core.rule.projection import Projection
from syncapp.core.values import Batch, DocumentKey, Intent, Side, SyncState
from syncapp.engine.certainty import read_on_from_now, unexplained, without_events
from syncapp.engine.work import Work
from syncapp.mongo.matching import matching, snapshot
from syncapp.mongo.sides import of_side
from syncapp.mongo.transaction import read_position, session_of
from syncapp.store.batches import settle
from syncapp.store.states import read_states

Read = Callable[[Collection[Any], Work, Iterable[DocumentKey], ClientSession], dict[DocumentKey, bytes]]


@dataclass(frozen=True, slots=True)
class AtlasView:
    """Documents and the position of the read; states, with their intents resolved."""

    documents: Mapping[DocumentKey, bytes]
    position: int
    states: Mapping[DocumentKey, SyncState]  # as they were
    settled: Mapping[DocumentKey, SyncState]
    foreign: frozenset[DocumentKey] = frozenset()  # documents that do not match the collection's filter


class AtlasReader:
    def __init__(
        self,
        databases: Mapping[Side, Database[Any]],
        device: str,
        marker_keep_ms: int,
        former: Callable[[str], Projection | None],
    ) -> None:
        """`former`: as `Sight` has it."""
        self._former = former
        self._databases, self._device = databases, device
        self._marker_keep_ms = marker_keep_ms

    def observe(self, batch: Batch, work: Work, read: Read, at: Callable[[str], None]) -> AtlasView:
        """Raises PyMongoError."""
        local, atlas = self._databases[Side.LOCAL], self._databases[Side.ATLAS]
        items, content = work.items, work.projection.content
        with of_side(local):
            states = read_states(local, items)
        at("states read")
        batch_ids = {state.intent.batch_id for state in states.values() if state.intent}
        known = self._settle(batch_ids) if batch_ids else {}
        if batch_ids:
            at("intents settled")
        # Atlas is read after that: an intent that was just applied must not look like a foreign change
        events = (item.facts[Side.ATLAS].position for item in items.values() if Side.ATLAS in item.facts)
        newest = max((*events, *(state.seen_at for state in states.values())), default=0)
        with session_of(atlas, causal=True) as session:
            if newest:
                # A deposed primary that lacks an event, or what was agreed on, cannot answer
                session.advance_operation_time(Timestamp(newest >> 32, newest & 0xFFFFFFFF))
            # No state records when an open push was applied
            if certain := bool(known) or without_events(items.values()):
                read_on_from_now(atlas, self._device, session)
            documents, foreign = self._documents(batch, work, read, items, session)
            doubtful = set() if certain else unexplained(items, documents, states, content)
            if doubtful:
                at("atlas doubtful")
                read_on_from_now(atlas, self._device, session)
                again, foreign_again = self._documents(batch, work, read, doubtful, session)
                documents = {k: one for k, one in documents.items() if k not in doubtful} | again
                foreign = foreign.difference(doubtful) | foreign_again
            position = read_position(session)
        settled = {
            key: settled_state(
                state,
                state.intent,
                self._former,
                applied=key in known[state.intent.batch_id],
                on_atlas=documents.get(key),
                position=position,
                marker_keep_ms=self._marker_keep_ms,
            )
            for key, state in states.items()
            if state.intent
        }
        return AtlasView(documents, position, states, settled, foreign)

    def _documents(
        self, batch: Batch, work: Work, read: Read, keys: Iterable[DocumentKey], session: ClientSession
    ) -> tuple[dict[DocumentKey, bytes], frozenset[DocumentKey]]:
        """Documents, and those that do not match the filter."""
        atlas = self._databases[Side.ATLAS]
        if not work.filter:
            return read(atlas[batch.collection], work, keys, session), frozenset()
        with snapshot(session):
            documents = read(atlas[batch.collection], work, keys, session)
            wanted = matching(atlas, batch.collection, documents, work.filter, session)
        return documents, frozenset(documents.keys() - wanted)

    def _settle(self, batch_ids: set[str]) -> dict[str, frozenset[DocumentKey]]:
        atlas = self._databases[Side.ATLAS]
        with of_side(atlas):
            return settle(atlas, batch_ids, self._device)


def settled_state(
    state: SyncState,
    intent: Intent,
    former: Callable[[str], Projection | None],
    *,
    applied: bool,
    on_atlas: bytes | None,
    position: int,
    marker_keep_ms: int,
) -> SyncState:
    """The state without its intent. `applied`: a marker says so. `position`: of a later read of `on_atlas`."""
    # The absence of a marker that may have expired proves nothing: then Atlas's content decides
    expired = now_ms() - intent.at > marker_keep_ms
    if applied or (expired and _is_there(state, intent, on_atlas, former)):
        return state.landed(intent, position)
    return state._replace(intent=None)


def _is_there(
    state: SyncState, intent: Intent, on_atlas: bytes | None, former: Callable[[str], Projection | None]
) -> bool:
    projection = former(state.projection)
    return projection is not None and projection.content(on_atlas) == intent.content
