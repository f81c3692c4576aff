"""How a document is seen under the rules of its collection, before it is decided about: what of it counts, and what the
rules make of the agreed pair. Engine, comparison and verify see the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from syncapp.core.rule.collection_rule import OnLeave
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.projection import Projection
from syncapp.core.values import ABSENT, FOREIGN, UNKNOWN, Side, SyncState

OF_ANY_PROJECTION = frozenset({ABSENT, UNKNOWN, FOREIGN})
_LOCAL, _ATLAS = Side.LOCAL, Side.ATLAS  # asked for once a change
Versions = Mapping[Side, bytes | None]


class Seen(NamedTuple):
    """Contents, and the agreed pair to compare them with."""

    contents: Mapping[Side, bytes]
    state: SyncState


class Sight:
    """Of one collection. Without rules it is what both sides hold."""

    __slots__ = ("_content", "_former", "_keeps_copies", "_keeps_deletes", "_projection")

    def __init__(self, policy: Policy, former: Callable[[str], Projection | None]) -> None:
        """`former`: the projection that a state was made under, by its id; None: it is not known."""
        self._former = former
        self._projection = policy.projection.id
        self._content = policy.projection.content
        self._keeps_copies = bool(policy.rule.filter) and policy.rule.on_leave is OnLeave.KEEP
        self._keeps_deletes = frozenset(side for side in Side if not policy.rule.deletes[side])

    def of(self, state: SyncState, versions: Versions, foreign: bool = False) -> Seen:
        """`foreign`: Atlas holds the document, and it does not match the filter."""
        return self.filtered(self.whole(state, versions, foreign), foreign)

    def whole(self, state: SyncState, versions: Versions, foreign: bool = False) -> Seen:
        """Before the filter: Atlas's document counts as what it is."""
        content = self._content
        contents = {_LOCAL: content(versions[_LOCAL]), _ATLAS: content(versions[_ATLAS])}
        if state.projection != self._projection:
            state = self._anew(state, versions, contents, foreign)
        if self._keeps_deletes:
            state = self._agree_on_deletes(state, contents)
        return Seen(contents, state)

    def filtered(self, seen: Seen, foreign: bool) -> Seen:
        """What `whole` has seen, under the filter."""
        if foreign or seen.state.atlas == FOREIGN:
            return self._without_foreign(seen.state, seen.contents, foreign)
        return seen

    def _without_foreign(self, state: SyncState, contents: Mapping[Side, bytes], foreign: bool) -> Seen:
        """A document that does not match is not on this device. One that has changed here counts as what it is, so that no
        push goes over a document that is there: it is conflicting, or goes up first."""
        local, atlas = contents[Side.LOCAL], contents[Side.ATLAS]
        if foreign and local == atlas:
            state = state._replace(local=local, atlas=atlas)  # both sides made it leave
        if local != state.local:
            return Seen(contents, state)
        if self._keeps_copies and local != ABSENT and (foreign or atlas == ABSENT):
            return Seen({**contents, Side.ATLAS: FOREIGN}, state._replace(atlas=FOREIGN))
        return Seen({**contents, Side.ATLAS: ABSENT} if foreign else contents, state)

    def _anew(
        self, state: SyncState, versions: Versions, contents: Mapping[Side, bytes], foreign: bool
    ) -> SyncState:
        """The state under the projection that holds now. A side that is unchanged under the former one, and holds nothing
        that counts only now, is unchanged; of any other it is unknown what was agreed on, so that nothing of it is
        overwritten without a record.

        Where the sides have agreed that only one of them has the document, and still do, what it holds is no matter.
        """
        former = self._former(state.projection)
        is_away = {
            Side.LOCAL: state.local == ABSENT == contents[Side.LOCAL],
            Side.ATLAS: (foreign and state.atlas == FOREIGN)
            or (contents[Side.ATLAS] == ABSENT and state.atlas in (ABSENT, FOREIGN)),
        }
        local, atlas = (
            self._agreed(agreed, former, versions[side], contents[side], alone=is_away[side.other])
            for side, agreed in ((Side.LOCAL, state.local), (Side.ATLAS, state.atlas))
        )
        return state._replace(local=local, atlas=atlas, projection=self._projection)

    def _agreed(
        self, agreed: bytes, former: Projection | None, version: bytes | None, content: bytes, *, alone: bool
    ) -> bytes:
        if agreed in OF_ANY_PROJECTION:
            return agreed
        if former is None or former.content(version) != agreed:
            return UNKNOWN
        return content if alone or self._content(former.bare(version)) == content else UNKNOWN

    def _agree_on_deletes(self, state: SyncState, contents: Mapping[Side, bytes]) -> SyncState:
        """A delete that is not transferred is agreed on as it is met: it is no change of its side any more. So nothing
        brings the document back, and a change of the other side counts alone."""
        local, atlas = (
            ABSENT if contents[side] == ABSENT and side in self._keeps_deletes else agreed
            for side, agreed in ((Side.LOCAL, state.local), (Side.ATLAS, state.atlas))
        )
        return state._replace(local=local, atlas=atlas)
