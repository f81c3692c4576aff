"""One document as a task would see it, and what the task would decide. Nothing is written: not even the marker that keeps
an unrecorded push out for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from pymongo.database import Database

from syncapp.core.decide import Case, Decision, classify
from syncapp.core.rule.match_expressions import read_filter
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.projection import Projection
from syncapp.core.values import ABSENT, DocumentKey, Intent, Side, SyncState
from syncapp.engine.atlas_view import settled_state
from syncapp.engine.holders import Holder, holders_of
from syncapp.engine.rehearsal import Effect, Rehearsed, Scene, rehearse
from syncapp.mongo.documents import read_documents
from syncapp.mongo.errors import TransientError
from syncapp.mongo.matching import matching, would_match
from syncapp.mongo.transaction import transaction, translated
from syncapp.mongo.validators import refuses
from syncapp.store.batches import applied_keys
from syncapp.store.projections import load_projection
from syncapp.store.states import read_states

ATTEMPTS = 5  # while tasks decide about the key between the reads
MAX_BYTES = 64 * 1024 * 1024
_REFUSED = {
    Side.LOCAL: "the validator of the local collection refuses it",
    Side.ATLAS: "the validator of Atlas's collection refuses it",
}


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
    rehearsed: Rehearsed
    foreign: bool = False  # Atlas's version does not match the collection's filter
    holders: tuple[Holder, ...] = ()  # of values that it needs where it is written

    @property
    def decision(self) -> Decision:
        return self.rehearsed.decision

    @property
    def twice(self) -> bool:
        """Have both sides made the same change, and do both count?"""
        return self.rehearsed.seen is not None and self.rehearsed.seen.twice

    @property
    def is_known(self) -> bool:
        """Has anything been decided about this document?"""
        return self.state.counter > 0


def examine(
    databases: Mapping[Side, Database[Any]], key: DocumentKey, policy: Policy, marker_keep_hours: int
) -> Examined:
    """`marker_keep_hours`: how long Atlas keeps records of pushes. Raises SyncError; a TransientError if sync keeps deciding
    about this document."""
    for _ in range(ATTEMPTS):
        with translated():
            before = _state(databases, key)
            push = _open_push(databases, key, before)
            # Atlas after the push's outcome, as a task reads it: an applied push must not look like a foreign change
            on_atlas, foreign = _read_atlas(databases[Side.ATLAS], key, policy.rule.filter)
            versions = {Side.LOCAL: _read(databases[Side.LOCAL], key), Side.ATLAS: on_atlas}
            former = partial(load_projection, databases[Side.LOCAL])
            settled = _settled(before, push, on_atlas, former, marker_keep_hours * 3_600_000)
            scene = Scene(key, versions, before, settled, foreign)
            rehearsed = rehearse(databases[Side.LOCAL], scene, policy, former)
            rehearsed = _with_refusals(databases, scene, _with_leaving(databases, scene, rehearsed, policy))
            holders = holders_of(databases, key, rehearsed)
            if _state(databases, key) == before:
                return replace(_examined(scene, push, policy, rehearsed), holders=holders)
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


def _settled(
    state: SyncState,
    push: OpenPush | None,
    on_atlas: bytes | None,
    former: Callable[[str], Projection | None],
    marker_keep_ms: int,
) -> SyncState:
    if push is None:
        return state
    return settled_state(
        state, push.intent, former, applied=push.applied, on_atlas=on_atlas, position=0, marker_keep_ms=marker_keep_ms
    )  # fmt: skip


def _with_leaving(
    databases: Mapping[Side, Database[Any]], scene: Scene, rehearsed: Rehearsed, policy: Policy
) -> Rehearsed:
    """Marks what would leave the filter by its push: a server says so, of the version that Atlas would hold, as it does when a
    task has written it."""
    pushed = {after for one in rehearsed.effects if one.push and (after := one.push.after) is not None}
    if not policy.rule.filter or not pushed:
        return rehearsed
    # Where its collection has a document
    side = Side.LOCAL if scene.versions[Side.ATLAS] is None else Side.ATLAS
    database, name, query = databases[side], scene.key.collection, read_filter(policy.rule.filter)
    leaving = {one for one in pushed if not would_match(database, name, one, query)}
    return rehearsed._replace(
        effects=tuple(
            one._replace(leaves=one.push is not None and one.push.after in leaving)
            for one in rehearsed.effects
        )
    )


def _with_refusals(databases: Mapping[Side, Database[Any]], scene: Scene, rehearsed: Rehearsed) -> Rehearsed:
    """Marks what the validator of the collection that it is written to would refuse. Not merges, of which a part is written."""
    asked: dict[tuple[Side, bytes], str] = {}

    def refusal(effect: Effect) -> str:
        writes = [(Side.LOCAL, effect.pull), (Side.ATLAS, effect.push)]
        wanted = [(side, one.after) for side, one in writes if one is not None and one.after is not None]
        if effect.refused or len(wanted) != 1:
            return effect.refused
        ((side, after),) = wanted
        if (side, after) not in asked:
            target, source, name = databases[side], databases[side.other], scene.key.collection
            refused = refuses(target, source, name, scene.versions[side], after)
            asked[side, after] = _REFUSED[side] if refused else ""
        return asked[side, after]

    return rehearsed._replace(effects=tuple(one._replace(refused=refusal(one)) for one in rehearsed.effects))


def _examined(scene: Scene, push: OpenPush | None, policy: Policy, rehearsed: Rehearsed) -> Examined:
    seen = rehearsed.seen
    if seen is None:  # nothing is stored about what is nowhere
        contents: Mapping[Side, bytes] = dict.fromkeys(Side, ABSENT)
        return Examined(
            scene.key, scene.versions, contents, scene.settled, push, policy, Case.EQUAL, rehearsed, scene.foreign
        )  # fmt: skip
    case = Case.BOTH_CHANGED if seen.twice else classify(seen.contents, seen.state)
    return Examined(
        scene.key,
        scene.versions,
        seen.contents,
        seen.state,
        push,
        policy,
        case,
        rehearsed,
        scene.foreign,
    )
