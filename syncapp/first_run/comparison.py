"""The first run: both sides are compared, and what differs is brought together as the operator chose.

Nothing is written to a document here. What is equal is agreed on; what shall stay as it is is agreed on
as it is; everything else goes through the listener like any change, and unknown times are decided by the
choice. Until the last step every step may be repeated: a crash in the middle does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare import differences as compare
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import ABSENT, BOTH, Side, UnknownTime
from syncapp.first_run import walk as first_run_walk
from syncapp.first_run.walk import CarryOut
from syncapp.mongo.transaction import transaction
from syncapp.rules.rules import Rules
from syncapp.store import first_run as first_run_record
from syncapp.store import states as state
from syncapp.store.first_run import Report, State
from syncapp.store.names import HALTS
from syncapp.store.owed import keep_exclusions, note_owed
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
    """Compare both sides, and bring them together if it is known how.

    Returns the report if the operator has to choose first, else None: the first run is done.
    `beforehand`: the choice of the settings. `progress` is told how many documents were compared, and may
    raise to end it. Raises PyMongoError or SyncError.
    """
    local = databases[Side.LOCAL]
    choice = first_run_record.load(local).choice or beforehand
    walk = None if choice else first_run_walk.find(local, rules, COPY_ALL)
    if walk is None:
        walk = first_run_walk.find(local, rules, choice) or first_run_walk.begin(databases, rules, choice)
        walk.go_on(databases, _page_by_page(local, rules, choice), progress)
        if choice is None and walk.report.differs:
            if not walk.report.one_side_empty:
                first_run_record.save_waiting(local, walk.report)
                walk.end(local)
                return walk.report
            walk.end(local)
            walk = first_run_walk.begin(databases, rules, COPY_ALL)
            walk.go_on(databases, _page_by_page(local, rules, COPY_ALL), progress)
    else:
        walk.go_on(databases, _page_by_page(local, rules, COPY_ALL), progress)
    if walk.owed:
        note_owed(local)
    keep_exclusions(local, rules.exclusions)
    for side in BOTH:
        save_token(local, side, walk.points[side])
    # Of the database that was here before and was dropped: all of it has just been compared
    local[HALTS].delete_many({})
    first_run_record.finish(local, walk.report, choice)
    walk.end(local)
    log.info(
        "First run", event_name="first_run", choice=str(choice or ""), **walk.report.total.as_document()
    )  # fmt: skip
    return None


def _page_by_page(local: Database[Any], rules: Rules, choice: InitialChoice | None) -> CarryOut:
    """What is done with each page: agree on equal documents, and act on the choice if there is one."""

    def carry_out(name: str, page: list[compare.Compared]) -> bool:
        compare.agree_on_equal(local, page)
        if choice is None:
            return False
        excluded = rules.exclusions.excludes(name)
        return _carry_out(local, page, choice, pulls=rules.enabled and not excluded, excluded=excluded)

    return carry_out


def _carry_out(
    local: Database[Any], page: list[compare.Compared], choice: InitialChoice, *, pulls: bool, excluded: bool
) -> bool:
    """Returns whether something waits until pulls are allowed; a comparison finds it then."""
    left, dirty, owed = [], [], False
    for one in page:
        if one.agreed:
            continue
        if one.state.counter:
            dirty.append(one.key)  # it was equal or left when it was compared before, and changed since
        elif _leaves(one, choice):
            left.append((one.key, one.state, one.state.next(one.local, one.atlas)))
        elif not pulls and _may_pull(one, choice, excluded):
            owed |= not excluded  # a collection that is let in is compared anyway
        else:
            dirty.append(one.key)
    if left:
        with transaction(local) as session:
            state.write_states(local, left, session)
    compare.mark_dirty(local, dirty, WHY)
    return owed


def _leaves(one: compare.Compared, choice: InitialChoice) -> bool:
    if one.local == ABSENT:
        return choice.only_atlas == "leave"
    return one.atlas == ABSENT and choice.only_local == "leave"


def _may_pull(one: compare.Compared, choice: InitialChoice, excluded: bool) -> bool:
    """An excluded collection goes up as it always does: there local wins, and Atlas's version is recorded."""
    if one.local == ABSENT:
        return True
    return one.atlas != ABSENT and not excluded and choice.differing != UnknownTime.LOCAL
