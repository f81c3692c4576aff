"""What a resync does to the agreed pairs of differing keys, before the listener processes them.

Workers decide about the same keys concurrently. So a pair is replaced by a compare-and-set on the
state's counter, which every decision raises; an open intent is kept, since only its marker on
Atlas shows whether that push was applied, and a push that was never cancelled could be applied later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import Compared, compare_keys
from syncapp.core.rule.policy import Policy
from syncapp.core.values import ABSENT, UNKNOWN, DocumentKey, UnknownTime
from syncapp.mongo.errors import TransientError
from syncapp.store.run import Treatment
from syncapp.store.states import replace_pairs

ROUNDS = 20  # attempts for concurrently decided keys


def new_agreement(treatment: Treatment, one: Compared) -> bytes | None:
    """The new agreed content of both sides; None: the pair is kept."""
    if one.agreed or not one.state.counter:
        return None  # without a state the pair is that of an absent document anyway
    if treatment is Treatment.UNKNOWN:
        wanted = UNKNOWN
    elif (treatment is Treatment.BRING_BACK_TO_LOCAL and one.local == ABSENT) or (
        treatment is Treatment.BRING_BACK_TO_ATLAS and one.atlas == ABSENT
    ):
        wanted = ABSENT
    else:
        return None
    return None if (one.state.local, one.state.atlas) == (wanted, wanted) else wanted


def treat(
    local: Database[Any],
    atlas: Database[Any],
    treatment: Treatment,
    prefer: UnknownTime | None,
    name: str,
    keys: Sequence[DocumentKey],
    policy: Policy,
) -> None:
    """Replace the agreed pairs of these keys where the treatment asks for it.

    Raises PyMongoError, or TransientError if a key is decided concurrently again and again.
    """
    left = [] if treatment is Treatment.AS_AGREED else list(keys)
    for _ in range(ROUNDS):
        compared = compare_keys(local, atlas, name, left, policy)
        wanted = {one: new_agreement(treatment, one) for one in compared}
        changes = [(one.key, one.state, content) for one, content in wanted.items() if content is not None]
        if not changes:
            return
        if replace_pairs(local, changes, prefer) == len(changes):
            return
        left = [one.key for one, content in wanted.items() if content is not None]
    raise TransientError(f"concurrent decisions about documents of {name}")
