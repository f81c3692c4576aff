"""Compares both sides document by document, with the agreed contents.

Differences are written to the local `_sync_dirty`, whose stream delivers them to the listener like any event. Live
sync continues meanwhile: no document is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo.database import Database

from syncapp.compare.ranges import Range
from syncapp.core.content import document_key, id_of
from syncapp.core.decide import Case, classify
from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.rule.policy import Policy
from syncapp.core.rule.sight import Sight
from syncapp.core.values import ABSENT, DocumentKey, Side, SyncState
from syncapp.mongo.documents import read_documents
from syncapp.mongo.listing import list_collections
from syncapp.mongo.matching import foreign
from syncapp.mongo.transaction import session_of, transaction
from syncapp.rules.refusals import refusals
from syncapp.store.projections import load_projection
from syncapp.store.states import read_states, write_states

KEYS = 100  # read at once by their _ids: documents can be large


@dataclass(frozen=True, slots=True)
class Compared:
    """The current contents of one document on both sides, and the agreed ones."""

    key: DocumentKey
    local: bytes  # content hashes
    atlas: bytes
    state: SyncState  # as it is stored
    agreed_on: SyncState  # what the rules make of it

    @property
    def case(self) -> Case:
        return classify({Side.LOCAL: self.local, Side.ATLAS: self.atlas}, self.agreed_on)

    @property
    def agreed(self) -> bool:
        """No transfer is needed: the sides are equal, or the difference is intentional."""
        return self.case in (Case.EQUAL, Case.AGREED)

    @property
    def settled(self) -> bool:
        """The current contents are the agreed ones: nothing to process."""
        now = self.local, self.atlas
        states = (self.state, self.agreed_on)
        return all(now == (one.local, one.atlas) for one in states)

    @property
    def what(self) -> str:
        """In a word: equal, different, onlyLocal, onlyAtlas (as counts have it)."""
        if self.local == self.atlas:
            return "equal"
        if self.local == ABSENT:
            return "onlyAtlas"
        return "onlyLocal" if self.atlas == ABSENT else "different"


def shared_collections(local: Database[Any], atlas: Database[Any]) -> list[str]:
    """Names of all plain collections of either side that are synchronised."""
    refused = refusals(local, atlas)
    names: set[str] = set()
    for database in (local, atlas):
        for info in list_collections(database):
            if info["type"] == "collection" and not is_reserved(info["name"]) and info["name"] not in refused:
                names.add(info["name"])
    return sorted(names)


def compare_range(local: Database[Any], name: str, found: Range, policy: Policy) -> list[Compared]:
    """Every document of a range, with its agreed contents. Raises PyMongoError."""
    here, there = by_key(name, found.local), by_key(name, found.atlas)
    states = read_states(local, [*here, *(key for key in there if key not in here)])
    return _compared(local, here, there, states, policy, found.foreign)


def compare_unequal(local: Database[Any], name: str, found: Range, policy: Policy) -> list[Compared]:
    """The same for those documents only whose contents are not the same bytes on both sides."""
    here, there = by_key(name, found.local), by_key(name, found.atlas)
    for key in [key for key in here if key in there and policy.projection.same(here[key], there[key])]:
        del here[key], there[key]
    states = read_states(local, [*here, *(key for key in there if key not in here)])
    return _compared(local, here, there, states, policy)


def compare_keys(
    local: Database[Any],
    atlas: Database[Any],
    name: str,
    keys: Sequence[DocumentKey],
    policy: Policy,
) -> list[Compared]:
    """The current contents of these keys. States are read first: a later decision raises the
    counter, and so is detected when a state is written. Raises PyMongoError."""
    found = []
    for index in range(0, len(keys), KEYS):
        some = keys[index : index + KEYS]
        states = read_states(local, some)
        versions = []
        for database in (local, atlas):
            with session_of(database, causal=True) as session:
                versions.append(read_documents(database[name], some, session, 1 << 62))
        expression = policy.rule.filter
        away = foreign(atlas, name, versions[1], expression) if expression else frozenset()
        found += _compared(local, versions[0], versions[1], states, policy, away)
    return found


def by_key(name: str, documents: Iterable[bytes]) -> dict[DocumentKey, bytes]:
    return {document_key(name, id_of(document)): document for document in documents}


def _compared(
    local: Database[Any],
    here: Mapping[DocumentKey, bytes],
    there: Mapping[DocumentKey, bytes],
    states: Mapping[DocumentKey, SyncState],
    policy: Policy,
    away: frozenset[DocumentKey] = frozenset(),
) -> list[Compared]:
    """`away`: Atlas's documents that do not match the filter."""
    sight, found = Sight(policy, partial(load_projection, local)), []
    for key, state in states.items():
        seen = sight.of(state, {Side.LOCAL: here.get(key), Side.ATLAS: there.get(key)}, key in away)
        if key in away and {*seen.contents.values(), state.local, state.atlas} == {ABSENT}:
            continue  # it is not on this device
        found.append(Compared(key, seen.contents[Side.LOCAL], seen.contents[Side.ATLAS], state, seen.state))
    return found


def agree_on_equal(local: Database[Any], page: Iterable[Compared]) -> None:
    """Write the states of equal documents about which nothing was decided yet. What was agreed on before is the workers'
    affair: only they know whether a push is open, or both sides made a change that counts twice."""
    fresh = [
        (one.key, one.state, one.agreed_on.next(one.local, one.atlas))
        for one in page
        if one.local == one.atlas and not one.state.counter
    ]
    if fresh:
        with transaction(local) as session:
            write_states(local, fresh, session)
