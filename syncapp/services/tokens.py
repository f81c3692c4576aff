"""Resume tokens as people look at them and clear them.

Commands, API and admin call it. The listener compares both sides after one was cleared. That is in the audit log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from syncapp.core.values import BOTH, Side
from syncapp.models import ResumeToken
from syncapp.mongo.change_stream import token_position
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import local_database
from syncapp.store.instance import known_instance_id
from syncapp.store.tokens import SavedToken, forget_token, read_token

PROCESS = "resume tokens"


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A resume token as saved beside the local data."""

    token: str  # the server's own text, passed on unchanged
    cluster_time: dt.datetime | None  # everything before it is processed; None: not a resume token
    saved_at: dt.datetime | None

    def as_document(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "token": self.token,
            "clusterTime": self.cluster_time.isoformat() if self.cluster_time else None,
            "savedAt": self.saved_at.isoformat() if self.saved_at else None,
        }

    def __str__(self) -> str:
        if self.cluster_time is None:
            return "invalid resume token: the listener compares both sides when it starts"
        saved = f", saved {self.saved_at:%Y-%m-%d %H:%M:%S} UTC" if self.saved_at else ""
        return f"processed up to {self.cluster_time:%Y-%m-%d %H:%M:%S} UTC{saved}"


def show(sides: Iterable[Side] = BOTH) -> dict[Side, ShownToken | None]:
    """Each side's saved token. Raises Unreachable."""
    with local_database(PROCESS) as local:
        found = {side: read_token(local, side) for side in sides}
    return {side: _shown(one) if one else None for side, one in found.items()}


def clear(sides: Iterable[Side] = BOTH, user: Actor = None) -> list[Side]:
    """Delete the resume tokens: the listener compares both sides, at once or at its next start.

    Returns the sides that had a token. Raises Unreachable.
    """
    with local_database(PROCESS) as local:
        cleared = [side for side in sides if forget_token(local, side)]
        device = known_instance_id(local)
    if cleared:
        names = [side.value for side in cleared]
        ResumeToken.objects.filter(instance_id=device, side__in=names).delete()
        audit(user, "clear resume token", ", ".join(names), before={"sides": names})
    return cleared


def _shown(found: SavedToken) -> ShownToken:
    try:
        reached = dt.datetime.fromtimestamp(token_position(found.token) >> 32, dt.UTC)
    except ValueError:
        reached = None
    return ShownToken(str(found.token.get("_data", "")), reached, found.saved_at)
