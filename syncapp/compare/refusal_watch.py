"""Tracks the currently refused collections, and requests a comparison of those that no longer are.

Changes of a collection are skipped while it is refused, and no stream will deliver them again. So the
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
from syncapp.store.refused import forget_refused, note_refused, refused_names

log = structlog.get_logger(__name__)


class RefusalWatch:
    def __init__(self, local: Database[Any], atlas: Database[Any]) -> None:
        self._local, self._atlas = local, atlas
        self.found: dict[str, str] = {}  # collection → why

    def look(self) -> None:
        """Check both databases again; each collection is logged once. Raises PyMongoError."""
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
        kept = refused_names(self._local)
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
            forget_refused(self._local, released, session)
        log.info("Collections are no longer refused", event_name="released", collections=released)
