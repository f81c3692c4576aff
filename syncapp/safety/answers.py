"""Carries out an operator's answer. Each step is idempotent: a crash in between loses no answer, since
the halt is removed in the transaction of the last step."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side, UnknownTime
from syncapp.mongo.transaction import transaction
from syncapp.store import heartbeat, instance, runs
from syncapp.store.answered import ALL, note_answered, reach
from syncapp.store.halts import Answer, Halt, Kind, end_all, end_halt
from syncapp.store.runs import Kind as RunKind
from syncapp.store.runs import Treatment
from syncapp.store.stream import current_token
from syncapp.store.tokens import save_token

log = structlog.get_logger(__name__)
BRING_BACK: dict[Side | None, Treatment] = {
    Side.LOCAL: Treatment.BRING_BACK_TO_LOCAL,
    Side.ATLAS: Treatment.BRING_BACK_TO_ATLAS,
}
PREFERRED: dict[Answer | None, UnknownTime] = {
    Answer.TAKE_ATLAS: UnknownTime.ATLAS,
    Answer.KEEP_LOCAL: UnknownTime.LOCAL,
}


def carry_out(local: Database[Any], atlas: Database[Any], halt: Halt, device: str) -> bool:
    """Carry out the answer. False: a comparison that must come first is not finished; call again later.

    Raises SyncError or PyMongoError.
    """
    if halt.answer is Answer.NEW_ID:
        _become_new(local, halt)
    elif halt.answer is Answer.GO_ON:
        _compare_collection(local, atlas, halt)
    elif halt.answer is Answer.BRING_BACK:
        # The keys of unread deletes must be treated first: otherwise the deletes would be transferred
        if not _through(local, halt, BRING_BACK[halt.side], _collections(halt)):
            return False
        _compare_collection(local, atlas, halt)  # other held changes
    elif _unlearns(halt):
        # No other transfers meanwhile: an older version could be pulled as if it were new
        if not _through(local, halt, Treatment.UNKNOWN, atlas=atlas):
            return False
        _let_time_go_on(local, atlas, halt, device)
    else:
        # Missing documents are restored; the events that removed them (a restore drops first) are still unread
        if not _through(local, halt, Treatment.BRING_BACK_TO_LOCAL):
            return False
        _let_time_go_on(local, atlas, halt, device, answers_for_local=True)
    log.warning("Answer carried out", event_name="answer_carried_out", halt=halt.id, answer=str(halt.answer))
    return True


def _compare_collection(local: Database[Any], atlas: Database[Any], halt: Halt) -> None:
    side = halt.side or Side.LOCAL
    position = reach(local if side is Side.LOCAL else atlas, halt.answered_at)
    with transaction(local) as session:
        note_answered(local, side, _collections(halt), position, session)
        why = f"{halt.kind}: {halt.answer}"  # without its name: many are answered together
        runs.compare_collections(local, why, _collections(halt), session)
        end_halt(local, halt, session)


def _collections(halt: Halt) -> list[str]:
    return [halt.collection, *filter(None, [halt.preview.get("renamedTo")])]


def _unlearns(halt: Halt) -> bool:
    """Do agreed contents become invalid where the sides differ? A restored local database
    holds ancestors of what Atlas holds, as agreed: it only has to be updated."""
    return halt.kind is Kind.ATLAS_RESTORED or halt.answer is Answer.KEEP_LOCAL


def _through(
    local: Database[Any],
    halt: Halt,
    treatment: Treatment,
    collections: Iterable[str] = (),
    atlas: Database[Any] | None = None,
) -> bool:
    """Is the comparison finished that the answer needs first? Requested once per halt.

    `atlas`: read the streams from now on. Earlier changes are then decided by the answer, not by times.
    """
    run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{halt.id} {halt.at}"))
    found = runs.load(local, run_id)
    if found is not None:
        return found.state is runs.State.DONE
    sides = {} if atlas is None else {Side.LOCAL: local, Side.ATLAS: atlas}
    points = {side: current_token(side, database, Exclusions()) for side, database in sides.items()}
    with transaction(local) as session:
        runs.request(
            local, kind=RunKind.RESYNC, why=_why(halt), collections=collections, treatment=treatment,
            prefer=PREFERRED.get(halt.answer), run_id=run_id, session=session,
        )  # fmt: skip
        for side, token in points.items():
            save_token(local, side, token, session)
    return False


def _let_time_go_on(
    local: Database[Any], atlas: Database[Any], halt: Halt, device: str, answers_for_local: bool = False
) -> None:
    position = reach(local, halt.answered_at)
    with transaction(local) as session:
        heartbeat.adopt(local, atlas, device, session)
        if answers_for_local:
            note_answered(local, Side.LOCAL, [ALL], position, session)
        end_all(local, session)  # other halts too: everything was compared


def _become_new(local: Database[Any], halt: Halt) -> None:
    with transaction(local) as session:
        instance.become_new(local, session)
        heartbeat.forget(local, session)
        runs.request(local, kind=RunKind.RESYNC, why=_why(halt), session=session)
        end_halt(local, halt, session)


def _why(halt: Halt) -> str:
    where = f" of {halt.collection}" if halt.collection else ""
    return f"{halt.kind}{where}: {halt.answer}"
