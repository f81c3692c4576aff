"""The first run: both sides are compared, and differences are resolved by the operator's choice.

No document is written here. Equal documents are agreed on; intentional differences are agreed on
as such; everything else passes the listener like any change, and unknown times are decided by the
choice. Every step but the last is idempotent: a crash in the middle is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare import differences as compare
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.values import ABSENT, BOTH, Side, UnknownTime
from syncapp.first_run import walk as first_run_walk
from syncapp.first_run.walk import CarryOut
from syncapp.mongo.transaction import transaction
from syncapp.rules.rules import Rules
from syncapp.store import first_run as first_run_record
from syncapp.store import states as state
from syncapp.store.backfill import keep_scope, note_backfill
from syncapp.store.dirty import mark_dirty, seen_then
from syncapp.store.first_run import Report, State
from syncapp.store.halts import end_all
from syncapp.store.projections import keep_projection
from syncapp.store.tokens import save_token

log = structlog.get_logger(__name__)
WHY = "first run"
# One side is empty: there is nothing to choose
COPY_ALL = InitialChoice(UnknownTime.ATLAS, "pull", "push")
Progress = Callable[[int], None]


def is_done(local: Database[Any]) -> bool:
    return first_run_record.load(local).state is State.DONE


def attempt(
    databases: dict[Side, Database[Any]], rules: Rules, beforehand: InitialChoice | None, progress: Progress
) -> Report | None:
    """Compare both sides, and resolve the differences if the choice is known.

    Returns the report if the operator has to choose first, otherwise None: the first run is done.
    `beforehand`: the choice of the settings. `progress` receives the number of compared documents, and may
    raise to abort. Raises PyMongoError or SyncError.
    """
    local = databases[Side.LOCAL]
    choice = first_run_record.load(local).choice or beforehand
    walk = None if choice else first_run_walk.find(local, rules, COPY_ALL)
    if walk is None:
        walk = first_run_walk.find(local, rules, choice) or first_run_walk.begin(databases, rules, choice)
        walk.go_on(databases, rules, _page_by_page(local, rules, choice), progress)
        if choice is None and walk.report.differs:
            if not walk.report.one_side_empty:
                first_run_record.save_waiting(local, walk.report)
                walk.end(local)
                return walk.report
            walk.end(local)
            walk = first_run_walk.begin(databases, rules, COPY_ALL)
            walk.go_on(databases, rules, _page_by_page(local, rules, COPY_ALL), progress)
    else:
        walk.go_on(databases, rules, _page_by_page(local, rules, COPY_ALL), progress)
    if walk.record.owed:
        note_backfill(local)
    keep_scope(local, rules.scope, BOTH)
    for side in BOTH:
        save_token(local, side, walk.record.points[side])
    # Records of a dropped earlier database: everything has just been compared
    end_all(local)
    first_run_record.finish(local, walk.report, choice)
    walk.end(local)
    log.info(
        "First run", event_name="first_run", choice=str(choice or ""), **walk.report.total.as_document()
    )  # fmt: skip
    return None


def _page_by_page(local: Database[Any], rules: Rules, choice: InitialChoice | None) -> CarryOut:
    """The action per page: agree on equal documents, and apply the choice if there is one."""

    def carry_out(name: str, page: list[compare.Compared], positions: Mapping[Side, int]) -> bool:
        keep_projection(local, rules.policy(name).projection)
        compare.agree_on_equal(local, page)
        alike = [one.key for one in page if one.state.counter and one.local == one.atlas and not one.settled]
        mark_dirty(local, alike, WHY)
        if choice is None:
            return False
        return _carry_out(local, page, choice, rules.policy(name), positions)

    return carry_out


def _carry_out(
    local: Database[Any],
    page: list[compare.Compared],
    choice: InitialChoice,
    policy: Policy,
    positions: Mapping[Side, int],
) -> bool:
    """Returns whether pulls are pending; a backfill finds them when they are allowed."""
    left, dirty, owed = [], [], False
    excluded = policy.travel[Side.ATLAS] is Travel.NEVER
    for one in page:
        if one.agreed:
            continue
        if one.state.counter:
            dirty.append(one.key)  # it was equal or left before, and has changed since
        elif _leaves(one, choice):
            left.append((one.key, one.state, one.agreed_on.next(one.local, one.atlas)))
        elif policy.stays(Side.ATLAS) and _may_pull(one, choice, excluded):
            owed |= not excluded  # a re-included collection is compared anyway
        else:
            dirty.append(one.key)
    if left:
        with transaction(local) as session:
            state.write_states(local, left, session)
    # Otherwise each push and each conflict would wait until the stream has been read past all of these marks: all keys of a
    # large database would be in the listener's memory at once
    seen = {
        one.key: seen_then({Side.LOCAL: one.local, Side.ATLAS: one.atlas}, positions, one.state.counter)
        for one in page
    }
    mark_dirty(local, dirty, WHY, seen)
    return owed


def _leaves(one: compare.Compared, choice: InitialChoice) -> bool:
    if one.local == ABSENT:
        return choice.only_atlas == "leave"
    return one.atlas == ABSENT and choice.only_local == "leave"


def _may_pull(one: compare.Compared, choice: InitialChoice, excluded: bool) -> bool:
    """An excluded collection is pushed as usual: there local wins, and Atlas's version is recorded."""
    if one.local == ABSENT:
        return True
    return one.atlas != ABSENT and not excluded and choice.differing != UnknownTime.LOCAL
