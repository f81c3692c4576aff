"""Brings the loser of a conflict back, as a new change that live sync carries like any other.

The version is written into the local MongoDB exactly as it was (raw bytes); one that was absent is
deleted. The conflict is marked and the act is in the audit log.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from syncapp.core.content import document_key
from syncapp.core.extended_json import extended_json
from syncapp.models import Conflict
from syncapp.models.choices import SideChoices
from syncapp.mongo.errors import ConnectionDown, SyncError
from syncapp.rules.switches import Actor, audit
from syncapp.services.databases import local_database
from syncapp.services.native_writes import read_now, write_natively


class RestoreRefused(Exception):
    """It cannot be brought back as things stand; trying again changes nothing. The text says why."""


def restore(conflict: Conflict, user: Actor = None) -> Conflict:
    """Write the loser's version. Raises RestoreRefused or LocalUnreachable."""
    if conflict.restored_at is not None:
        raise RestoreRefused(
            f"This version was restored already, at {conflict.restored_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    if not conflict.loser:
        raise RestoreRefused("Neither version has lost: nothing was decided about this conflict")
    key = document_key(conflict.collection, bytes(conflict.document_id_raw))
    with local_database("restore") as local:
        try:
            write_natively(local, key, losing_version(conflict))
        except ConnectionDown:
            raise
        except SyncError as error:
            raise RestoreRefused(f"The local MongoDB refuses the version: {error}") from error
    # Written first, marked second: a crash in between means one more restore of the same bytes, which is
    # no change. The other way round the version would count as restored and be missing.
    with transaction.atomic():
        now = timezone.now()
        if Conflict.objects.filter(pk=conflict.pk, restored_at=None).update(restored_at=now):
            audit(
                user, "restore", f"{conflict.collection} {conflict.document_id}: the {conflict.loser} version"
            )
    conflict.refresh_from_db(fields=["restored_at"])
    return conflict


def losing_version(conflict: Conflict) -> bytes | None:
    """Raw BSON of the version that lost. None: the document was absent on that side."""
    raw = conflict.local_raw if conflict.loser == SideChoices.LOCAL else conflict.atlas_raw
    return None if raw is None else bytes(raw)


def version_now(conflict: Conflict) -> tuple[str, str]:
    """What the local MongoDB holds now, and what a restore would bring, as canonical extended JSON; empty: absent.

    Raises RestoreRefused or LocalUnreachable.
    """
    key = document_key(conflict.collection, bytes(conflict.document_id_raw))
    with local_database("restore") as local:
        try:
            there = read_now(local, key)
        except ConnectionDown:
            raise
        except SyncError as error:
            raise RestoreRefused(f"The local MongoDB does not tell what it holds: {error}") from error
    coming = conflict.local_document if conflict.loser == SideChoices.LOCAL else conflict.atlas_document
    return extended_json(there), coming
