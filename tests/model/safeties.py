"""The safeties of the protocol: each can be left out, and then some schedule fails."""

from __future__ import annotations

from enum import StrEnum


class Safety(StrEnum):
    """A rule of the protocol, and what it is for."""

    FACTS_BELONG = "a conflict waits until both streams have been read past what was read"
    PUSH_TIME_KNOWN = "a push waits until the time of the content that it pushes is known"
    SAME_DECISION = "a fact goes with a content that was read before only if nothing was decided in between"
    COUNTER = "what was decided by others since Atlas was read is not decided again"
    ALWAYS_RAISED = "agreeing on what is equal is a decision too"
    READ_AGAIN = "Atlas is read again in the transaction that pushes"
    FENCE = "a push that is given up is kept out for ever by a cancelled marker"
    SETTLED_FIRST = "an open push is settled before anything is decided"
    INTENT = "what will be pushed is noted before"
    HELD_UNTIL_DONE = "no saved token passes a change that is handed out or waits"
    LOG_ORDER = "the last change of a side is the last of its log, not that of the greatest time"
    LATE_REPORTS = "the report of a task that was given up is not taken for its key's"
    RECORDED = "the version that loses a conflict is kept"
    EVENT_READ = "Atlas is read from no earlier than its last event of the key"
    NEVER_BACK = "Atlas is read from no earlier than what was agreed on was seen there"
    CERTAIN = "what no event of Atlas explains is read from the primary for certain"
    DELETE_AGREED = "a delete that is not transferred is agreed on as it is met"
    WHAT_IS_THERE = (
        "of a document that changed here Atlas's true version counts, whether it matches the filter or not"
    )
    GOES_UP_FIRST = "a document that leaves by a change here is dropped here once Atlas has it"
    LOOKED_AT_AGAIN = (
        "what a superseded task brought is looked at again: nothing is stored about what is not here"
    )
    STILL_THOSE = (
        "a verdict that was made outside of the transaction counts for the contents that it was made on"
    )
    TWICE = "equal changes of both sides count both where a rule adds up"
    BASE_MOVES = "every agreement moves the base, in the transaction that writes it"
    BASE_BY_NAME = (
        "of the documents that are kept the base is the one that was agreed on, not what is being pushed"
    )
    REBASED = "a merge agrees on Atlas's version: what is left is a push"
    OWN_INTENT = "that a push has landed is recorded only in a state that still has its intent"
