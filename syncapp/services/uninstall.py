"""Sync taken off both databases: what it keeps there goes, documents of applications stay as they are.

Each step may be repeated, and what is known of the device goes last: after a crash the same command finds what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.models import Instance, ResumeToken
from syncapp.mongo.listing import list_collections
from syncapp.rules.switches import audit
from syncapp.services.errors import NotPossible
from syncapp.store.devices import is_known, registered, unregister
from syncapp.store.instance import known_instance_id
from syncapp.store.lease import active_listener
from syncapp.store.names import DEVICES, METADATA, OWN


@dataclass(frozen=True, slots=True)
class Kept:
    """Sync's own data of this device. `counts`: collection → documents, about; on Atlas only of what goes.
    `others`: devices that use Atlas's, by which their batch markers stay."""

    device: str
    counts: dict[Side, dict[str, int]]
    registered: bool
    others: tuple[str, ...]

    @property
    def is_nothing(self) -> bool:
        return not (self.registered or any(self.counts.values()))

    def as_document(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "device": self.device,
            **{side.value: counts for side, counts in self.counts.items()},
            "registered": self.registered,
            "otherDevices": list(self.others),
        }


def what_is_kept(databases: dict[Side, Database[Any]]) -> Kept:
    """Raises NotPossible while a listener is active, which would make everything again, or PyMongoError."""
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    if holder := active_listener(local):
        raise NotPossible(
            f"Nothing was removed: the listener {holder} is active: stop sync first (its lease ends within SYNC_LEASE_DURATION if it was killed)"
        )
    device = known_instance_id(local)
    others = tuple(sorted(one for one in registered(atlas) if one != device))
    counts = {Side.LOCAL: _counts(local), Side.ATLAS: {} if others else _counts(atlas)}
    return Kept(device, counts, is_known(atlas, device), others)


def remove(databases: dict[Side, Database[Any]], kept: Kept) -> Iterator[str]:
    """Remove it, step by step; each step is reported when it is done. Raises PyMongoError or DatabaseError."""
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    if kept.registered:
        unregister(atlas, kept.device)
        yield f"Atlas: device {kept.device} removed from {DEVICES}"
    for side, database in ((Side.ATLAS, atlas), (Side.LOCAL, local)):
        # The device's id is in METADATA
        for name in sorted(kept.counts[side], key=lambda one: one == METADATA):
            if name == METADATA:
                Instance.objects.filter(instance_id=kept.device).delete()
                ResumeToken.objects.filter(instance_id=kept.device).delete()
            database.drop_collection(name)
            yield f"{_NAMES[side]}: {name} dropped"
    audit(None, "uninstall", f"device {kept.device or 'unknown'}")


def left(databases: dict[Side, Database[Any]], kept: Kept) -> list[str]:
    """What could not be removed. Raises PyMongoError."""
    now = what_is_kept(databases)
    found = [f"{_NAMES[side]}: {name}" for side, names in now.counts.items() for name in names]
    if is_known(databases[Side.ATLAS], kept.device):
        found.append(f"{_NAMES[Side.ATLAS]}: device {kept.device} in {DEVICES}")
    return found


_NAMES = {Side.LOCAL: "Local", Side.ATLAS: "Atlas"}


def _counts(database: Database[Any]) -> dict[str, int]:
    there = sorted(info["name"] for info in list_collections(database) if info["name"] in OWN)
    return {name: database[name].estimated_document_count() for name in there}
