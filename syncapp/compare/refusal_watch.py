"""Which collections are refused now, for those who show it; and a comparison of those that no longer are.

What was changed in a collection while it was refused was skipped, and no stream will bring it again. So the
names are kept in the local `_sync_metadata`, until a run compares them.
"""

from __future__ import annotations

from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare import differences as compare
from syncapp.mongo.transaction import transaction
from syncapp.rules.refusals import refusals
from syncapp.store import runs
from syncapp.store.names import METADATA

log = structlog.get_logger(__name__)
REFUSED_ID = "refused"


def note_refused(local: Database[Any], name: str) -> None:
    """Changes of this collection are skipped from now on. Raises PyMongoError."""
    local[METADATA].update_one({"_id": REFUSED_ID}, {"$addToSet": {"names": name}}, upsert=True)


class RefusalWatch:
    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self._local, self._atlas = local, atlas
        self.found: dict[str, str] = {}  # collection → why

    def look(self) -> None:
        """Ask both databases again; each collection is logged once. Raises PyMongoError."""
        found = refusals(self._local, self._atlas)
        for name, why in found.items():
            if name not in self.found:
                note_refused(self._local, name)
                log.warning(
                    "Collection is not synchronised", event_name="refused", collection=name, reason=why
                )
        self.found = found
        self._compare_released()

    def _compare_released(self) -> None:
        kept = (self._local[METADATA].find_one({"_id": REFUSED_ID}) or {}).get("names", [])
        released = sorted(set(kept) - self.found.keys())
        if not released:
            return
        there = set(compare.shared_collections(self._local, self._atlas)).intersection(released)
        with transaction(self._local) as session:
            if there:
                why = "collection is not refused any more"
                runs.request(
                    self._local, kind=runs.Kind.RESYNC, why=why, collections=sorted(there), session=session
                )
            self._local[METADATA].update_one(
                {"_id": REFUSED_ID}, {"$pullAll": {"names": released}}, session=session
            )
        log.info("Collections are not refused any more", event_name="released", collections=released)
