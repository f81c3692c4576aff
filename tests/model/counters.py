"""Numbers whose changes add up, and what is kept for that: the document that both sides last agreed on, the base, and beside it
what is being pushed. Contents are the numbers."""

from __future__ import annotations

from collections.abc import Iterable

from tests.model.databases import Content, Store, Transaction
from tests.model.safeties import Safety
from tests.model.values import ATLAS, LOCAL, Read, State

Without = frozenset[Safety]


def twice(
    there: Transaction, key: int, state: State, local: Content, atlas: Content, without: Without
) -> bool:
    """Have both sides made the same change? What a push of ours explains is agreed on: its outcome is settled first."""
    if local != atlas or local in (None, state.local) or Safety.TWICE in without:
        return False
    return _base(there.read(("bases", key)), state, without) is not None


def merged(store: Store, key: int, read: Read, state: State, without: Without) -> Content:
    """Both changes of the base. None: there is no base, and the later version counts."""
    base = _base(store.get(("bases", key)), state, without)
    local, atlas = read.contents[LOCAL], read.contents[ATLAS]
    if base is None or local is None or atlas is None:
        return None
    return local + atlas - base


def follow(
    there: Transaction, key: int, after: State, documents: Iterable[Content], without: Without
) -> None:
    """Every decision about a key moves what is kept. `documents`: those at hand."""
    kept: tuple[int, ...] = there.read(("bases", key)) or ()
    pushed = after.intent.content if after.intent else None
    wanted = [after.atlas] if after.local == after.atlas else []
    if Safety.BASE_MOVES in without and pushed is None:
        return
    there.write(
        ("bases", key),
        tuple(one for one in (*wanted, pushed) if one is not None and (one in kept or one in documents)),
    )


def _base(kept: tuple[int, ...] | None, state: State, without: Without) -> int | None:
    if kept and Safety.BASE_BY_NAME in without:
        return kept[-1]
    return state.local if state.local == state.atlas and state.local in (kept or ()) else None
