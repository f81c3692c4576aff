"""What a resync does to the agreed pairs of keys that differ, before the listener looks at them.

Workers decide about the same keys at the same time. So a pair is replaced by a compare-and-set on the
state's counter, which every decision raises; an open intent stays where it is, since only its marker on
Atlas says whether that push landed, and a push that was never cancelled could land later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database

from syncapp.compare.differences import Compared, compare_keys
from syncapp.core.content import key_hash
from syncapp.core.values import ABSENT, UNKNOWN, DocumentKey, UnknownTime
from syncapp.mongo.errors import TransientError
from syncapp.store.names import STATE
from syncapp.store.run import Treatment

ROUNDS = 20  # looks at keys about which somebody decides at the same time


def new_agreement(treatment: Treatment, one: Compared) -> bytes | None:
    """The content that both sides count as agreed on from now on; None: the pair stays."""
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
) -> None:
    """Replace the agreed pairs of these keys where the treatment asks for it.

    Raises PyMongoError, or TransientError if others decide about a key again and again.
    """
    left = [] if treatment is Treatment.AS_AGREED else list(keys)
    for _ in range(ROUNDS):
        wanted = {one: new_agreement(treatment, one) for one in compare_keys(local, atlas, name, left)}
        changes = [
            _replace_pair(one, content, prefer) for one, content in wanted.items() if content is not None
        ]
        if not changes:
            return
        if local[STATE].bulk_write(changes, ordered=False).modified_count == len(changes):
            return
        left = [one.key for one, content in wanted.items() if content is not None]
    raise TransientError(f"somebody else decides about documents of {name} at the same time")


def _replace_pair(one: Compared, content: bytes, prefer: UnknownTime | None) -> UpdateOne:
    values: dict[str, Any] = {"h": content, "n": one.state.counter + 1}
    if content == UNKNOWN and prefer is not None:
        values["p"] = prefer.value
    # An intent that is noted to have landed may stand there: it would go on saying what is agreed
    over = ("l", "a", "gone", "i") if one.state.intent is None else ("l", "a", "gone")
    change = {"$set": values, "$unset": dict.fromkeys(over, "")}
    return UpdateOne({"_id": key_hash(one.key), "n": one.state.counter}, change)
