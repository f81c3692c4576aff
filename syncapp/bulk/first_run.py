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

from syncapp.bulk import compare, first_run_record
from syncapp.bulk.first_run_record import Counts, Report, State
from syncapp.bulk.start import current_token, keep_exclusions, note_owed
from syncapp.engine import state
from syncapp.engine.values import ABSENT, BOTH, Side, UnknownTime
from syncapp.rules.initial_choice import InitialChoice
from syncapp.rules.rules import Rules
from syncapp.streams.resume import save_token

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
    # Start points first, comparison after: what changes meanwhile comes by the streams
    points = {side: current_token(side, databases[side], rules.exclusions) for side in BOTH}
    report = _walk(databases, rules, choice, progress)
    if choice is None and report.differs:
        if not report.one_side_empty:
            first_run_record.save_waiting(local, report)
            return report
        _walk(databases, rules, COPY_ALL, progress)
    keep_exclusions(local, rules.exclusions)
    for side in BOTH:
        save_token(local, side, points[side])
    first_run_record.finish(local, report, choice)
    log.info(
        "First run", event_name="first_run", choice=str(choice or ""), **report.total.as_document()
    )  # fmt: skip
    return None


def _walk(
    databases: dict[Side, Database[Any]], rules: Rules, choice: InitialChoice | None, progress: Progress
) -> Report:
    """Look at every document of both sides, and act on the choice if there is one."""
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    report = Report()
    seen, owed = 0, False
    for name in compare.shared_collections(local, atlas):
        excluded = rules.exclusions.excludes(name)
        if excluded:
            report.excluded.add(name)
        counts = report.collections[name] = Counts()
        for page in compare.compare_collection(local, atlas, name):
            progress(seen)
            seen += len(page)
            for one in page:
                _count(one, counts)
            compare.agree_on_equal(local, page)
            if choice is not None:
                pulls = rules.enabled and not excluded
                owed |= _carry_out(local, page, choice, pulls=pulls, excluded=excluded)
    if owed:
        note_owed(local)
    return report


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
    state.write_states(local, left)
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


def _count(one: compare.Compared, counts: Counts) -> None:
    if one.local == one.atlas:
        counts.equal += 1
    elif one.local == ABSENT:
        counts.only_atlas += 1
    elif one.atlas == ABSENT:
        counts.only_local += 1
    else:
        counts.different += 1
