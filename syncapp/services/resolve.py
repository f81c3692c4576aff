"""Decides a conflict that waits for a person: the winner's version is written to the other side as a native
change, so that sync finds both sides equal and agrees. The act is in the audit log."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from syncapp.core.content import document_key
from syncapp.core.values import Side
from syncapp.models import Conflict
from syncapp.mongo.errors import ConnectionDown, SyncError
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import database
from syncapp.services.native_writes import ChangedMeanwhile, read_now, write_natively

NAMES = {Side.LOCAL: "The local MongoDB", Side.ATLAS: "Atlas"}


class ResolveRefused(Exception):
    """It cannot be decided as things stand. The text says why."""


def resolve(conflict: Conflict, winner: Side, user: Actor = None) -> Conflict:
    """Let this side's version count. Raises ResolveRefused or Unreachable.

    Only where both sides still hold the recorded versions: nobody's newer edit is overwritten.
    """
    if not conflict.waits:
        raise ResolveRefused("This conflict does not wait for a person: it is settled")
    key = document_key(conflict.collection, bytes(conflict.document_id_raw))
    versions = {Side.LOCAL: _raw(conflict.local_raw), Side.ATLAS: _raw(conflict.atlas_raw)}
    target = winner.other
    try:
        with database(winner, "conflicts") as source:
            if read_now(source, key) != versions[winner]:
                raise ChangedMeanwhile
        with database(target, "conflicts") as other:
            write_natively(other, key, versions[winner], only_over=versions[target])
    except ChangedMeanwhile:
        raise ResolveRefused(
            "The document changed meanwhile: sync looks at it again, and records it anew if it still differs"
        ) from None
    except ConnectionDown:
        raise
    except SyncError as error:
        raise ResolveRefused(f"{NAMES[target]} refuses the version: {error}") from error
    # Written first, marked second: after a crash in between sync finds both sides equal, and settles it
    with transaction.atomic():
        open_ones = Conflict.objects.filter(pk=conflict.pk, winner=Conflict.Winner.OPEN)
        if open_ones.update(winner=winner.value, resolved_at=timezone.now()):
            detail = f"{conflict.collection} {conflict.document_id}: the {winner} version counts"
            audit(user, "resolve conflict", detail)
    conflict.refresh_from_db(fields=["winner", "resolved_at"])
    return conflict


def _raw(version: bytes | memoryview | None) -> bytes | None:
    return None if version is None else bytes(version)
