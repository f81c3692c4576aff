"""How a document is seen under the rules of its collection, before it is decided about: what of it counts, and what the
rules make of the agreed pair. Engine, comparison and verify see the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from syncapp.core.policy import Policy
from syncapp.core.values import ABSENT, Side, SyncState

Versions = Mapping[Side, bytes | None]


class Seen(NamedTuple):
    """Contents, and the agreed pair to compare them with."""

    contents: Mapping[Side, bytes]
    state: SyncState


class Sight:
    """Of one collection. Without rules it is what both sides hold."""

    __slots__ = ("_content", "_keeps_deletes")

    def __init__(self, policy: Policy) -> None:
        self._content = policy.projection.content
        self._keeps_deletes = frozenset(side for side in Side if not policy.rule.deletes[side])

    def of(self, state: SyncState, versions: Versions) -> Seen:
        content = self._content
        contents = {side: content(version) for side, version in versions.items()}
        if self._keeps_deletes:
            state = self._agree_on_deletes(state, contents)
        return Seen(contents, state)

    def _agree_on_deletes(self, state: SyncState, contents: Mapping[Side, bytes]) -> SyncState:
        """A delete that is not transferred is agreed on as it is met: it is no change of its side any more. So nothing
        brings the document back, and a change of the other side counts alone."""
        local, atlas = (
            ABSENT if contents[side] == ABSENT and side in self._keeps_deletes else agreed
            for side, agreed in ((Side.LOCAL, state.local), (Side.ATLAS, state.atlas))
        )
        return state._replace(local=local, atlas=atlas)
