"""Collections that cannot be synchronised, each with the reason: reported, never skipped silently.

Their documents behave differently: a view has none of its own, changes of a time series have no
events, a capped collection removes documents automatically, a default collation matches other `_id`s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from pymongo.database import Database

from syncapp.core.rule.exclusions import TEMPORARY, is_reserved
from syncapp.mongo.listing import NOT_UTF_8, list_collections
from syncapp.mongo.sides import of_side
from syncapp.rules.reserved import reserved

KEEP_SECONDS = 30.0
_NAME = "MongoDB's drivers refuse its name (two dots together, or one at the end): rename it."


def refusals(local: Database[Any], atlas: Database[Any]) -> dict[str, str]:
    """Collection → why it cannot be synchronised: one sentence that names the side. Raises PyMongoError."""
    here, there = _collections(local), _collections(atlas)
    found = {name: why_refused(here.get(name), there.get(name)) for name in sorted({*here, *there})}
    refused = {name: why for name, why in found.items() if why}
    return refused | reserved(atlas) | reserved(local)


def why_refused(local: Mapping[str, Any] | None, atlas: Mapping[str, Any] | None) -> str:
    """Why a collection is refused, given its listCollections entries. None: it does
    not exist on that side. Empty: it can be synchronised."""
    for info, side in ((local, "the local side"), (atlas, "Atlas")):
        why = "" if info is None else _why(info, side)
        if why:
            return why
    return ""


def _why(info: Mapping[str, Any], side: str) -> str:
    kind, options = info.get("type", "collection"), info.get("options", {})
    if TEMPORARY.match(info.get("name", "")):
        return f"Its name on {side} is used by the server for temporary collections ($out): rename it."
    if why := why_refused_name(info):
        return why
    if kind == "view":
        return f"It is a view on {side}: a view has no documents of its own."
    if kind == "timeseries":
        return f"It is a time-series collection on {side}: the server reports no changes of these."
    if options.get("capped"):
        return f"It is a capped collection on {side}: the server removes its oldest documents automatically."
    if options.get("collation", {}).get("locale", "simple") != "simple":
        return f"It has a default collation on {side}: two _ids that differ for sync can be equal there."
    return ""


def why_refused_name(info: Mapping[str, Any]) -> str:
    """Why its documents cannot be queried; empty: they can. `info`: from mongo/listing.py."""
    if info.get("type") == NOT_UTF_8:
        return "Its name is not UTF-8: no driver can ask for its documents."
    return "" if is_usable(info.get("name", "")) else _NAME


def _collections(database: Database[Any], name: str = "") -> dict[str, Mapping[str, Any]]:
    with of_side(database):
        found = list(list_collections(database, name))
    return {
        info["name"]: info for info in found if not is_reserved(info["name"]) or _only_looks_temporary(info)
    }


def _only_looks_temporary(info: Mapping[str, Any]) -> bool:
    """Has an application used the server's naming scheme for temporary collections?"""
    return bool(TEMPORARY.match(info["name"])) and not info.get("options", {}).get("temp")


def is_usable(name: str) -> bool:
    """Does the driver accept the name? The server accepts some that it does not: `a.`, `a..b`."""
    return ".." not in name and not name.startswith(".") and not name.endswith(".")


class RefusalCheck:
    """Checks a collection before its documents are processed. A negative result is cached for a
    moment; a refusal is checked again each time, since wrongly skipped changes would be missing."""

    def __init__(
        self, local: Database[Any], atlas: Database[Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._databases = (local, atlas)
        self._clock = clock
        self._allowed_at: dict[str, float] = {}

    def why(self, name: str) -> str:
        """Why the collection is refused; empty: it is not. Raises PyMongoError."""
        if not is_usable(name):
            return _NAME  # also when it is gone: its documents cannot be queried
        now = self._clock()
        if now - self._allowed_at.get(name, float("-inf")) < KEEP_SECONDS:
            return ""
        infos = [_collections(database, name).get(name) for database in self._databases]
        answer = why_refused(*infos)
        # A collection that is missing on a side may be created there at any moment, as any kind
        if not answer and None not in infos:
            self._allowed_at[name] = now
        return answer

    def doubt(self, name: str) -> None:
        """What was done to its documents failed: it may have become another kind of collection since it was checked."""
        self._allowed_at.pop(name, None)
