"""One document as a task would see it, and what the task would decide. Nothing is written: not even the marker that keeps
an unrecorded push out for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pymongo.database import Database

from syncapp.core.decide import Case, Decision, Observation, classify, decide
from syncapp.core.policy import Policy, policy_for
from syncapp.core.sight import Sight
from syncapp.core.values import DocumentKey, Intent, Side, SyncState, WorkItem
from syncapp.mongo.documents import read_documents
from syncapp.mongo.errors import TransientError
from syncapp.mongo.matching import matching
from syncapp.mongo.transaction import transaction, translated
from syncapp.store.batches import applied_keys
from syncapp.store.projections import load_projection
from syncapp.store.states import read_states

ATTEMPTS = 5  # while tasks decide about the key between the reads
MAX_BYTES = 64 * 1024 * 1024
EVERYTHING_READ = dict.fromkeys(Side, 1 << 63)  # as if both streams had been read past the reads
AT_ANY_TIME = dict.fromkeys(Side, 0)


class OpenPush(NamedTuple):
    """A push whose outcome is not recorded. `applied`: Atlas has it; otherwise it may still come."""

    intent: Intent
    applied: bool


@dataclass(frozen=True, slots=True)
class Examined:
    """`state`: what is agreed, the outcome of an open push included."""

    key: DocumentKey
    versions: Mapping[Side, bytes | None]
    contents: Mapping[Side, bytes]
    state: SyncState
    open_push: OpenPush | None
    policy: Policy
    case: Case
    decision: Decision
    foreign: bool = False  # Atlas's version does not match the collection's filter

    @property
    def is_known(self) -> bool:
        """Has anything been decided about this document?"""
        return self.state.counter > 0


def examine(databases: Mapping[Side, Database[Any]], key: DocumentKey, policy: Policy) -> Examined:
    """Raises SyncError; a TransientError if sync keeps deciding about this document."""
    for _ in range(ATTEMPTS):
        with translated():
            before = _state(databases, key)
            push = _open_push(databases, key, before)
            # Atlas after the push's outcome, as a task reads it: an applied push must not look like a foreign change
            on_atlas, foreign = _read_atlas(databases[Side.ATLAS], key, policy.rule.filter)
            versions = {Side.LOCAL: _read(databases[Side.LOCAL], key), Side.ATLAS: on_atlas}
            if _state(databases, key) == before:
                former = partial(load_projection, databases[Side.LOCAL])
                return _decided(key, versions, before, push, policy, Sight(policy, former), foreign)
    raise TransientError("sync is deciding about this document at this moment")


def _state(databases: Mapping[Side, Database[Any]], key: DocumentKey) -> SyncState:
    return read_states(databases[Side.LOCAL], [key])[key]


def _open_push(
    databases: Mapping[Side, Database[Any]], key: DocumentKey, state: SyncState
) -> OpenPush | None:
    if state.intent is None:
        return None
    applied = applied_keys(databases[Side.ATLAS], {state.intent.batch_id})
    return OpenPush(state.intent, key in applied.get(state.intent.batch_id, ()))


def _read(database: Database[Any], key: DocumentKey) -> bytes | None:
    with transaction(database) as session:
        return read_documents(database[key.collection], [key], session, MAX_BYTES).get(key)


def _read_atlas(
    atlas: Database[Any], key: DocumentKey, expression: Mapping[str, Any]
) -> tuple[bytes | None, bool]:
    """The document, and whether it does not match the collection's filter."""
    with transaction(atlas) as session:
        found = read_documents(atlas[key.collection], [key], session, MAX_BYTES).get(key)
        if found is None or not expression:
            return found, False
        return found, key not in matching(atlas, key.collection, [key], expression, session)


def _decided(
    key: DocumentKey,
    versions: Mapping[Side, bytes | None],
    recorded: SyncState,
    push: OpenPush | None,
    policy: Policy,
    sight: Sight,
    foreign: bool,
) -> Examined:
    state = recorded._replace(intent=None)
    if push and push.applied:
        state = recorded.landed(push.intent, 0)
    policy = policy_for(state, policy)
    contents, state = sight.of(state, versions, foreign)
    seen = Observation(contents, state, AT_ANY_TIME)
    decision = decide(seen, WorkItem(key), EVERYTHING_READ, policy)
    case = classify(contents, state)
    return Examined(key, versions, contents, state, push, policy, case, decision, foreign)
