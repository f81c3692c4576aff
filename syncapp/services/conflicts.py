"""Conflicts as people settle them: the loser is brought back, or one that waits is decided. And the records that were left
in the local MongoDB, copied to Django's database.

Either way a version is written as a native change, exactly as it was (raw bytes; one that was absent is deleted), which
live sync carries like any other. The conflict is marked, and the act is in the audit log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from syncapp.conf.settings import get_settings
from syncapp.core.content import document_key
from syncapp.core.text.extended_json import extended_json
from syncapp.core.text.typed_ids import id_to_type
from syncapp.core.values import DocumentKey, Side
from syncapp.mirror.conflicts import copy_conflicts
from syncapp.models import Conflict
from syncapp.models.choices import SideChoices
from syncapp.rules.switches import TYPED_BY, Actor, audit
from syncapp.services.databases import local_database
from syncapp.services.documents import read_now
from syncapp.services.errors import NotAllowed, NotPossible, Overtaken
from syncapp.services.masked import Masks
from syncapp.services.native_writes import CHANGED_MEANWHILE, write_natively
from syncapp.services.resolution import Choice, Versions, check_seen, document_of, write_merged
from syncapp.store import conflicts
from syncapp.store.bases import forget_bases
from syncapp.store.instance import instance_id

PROCESS = "conflicts"
MASKED = (
    "document cannot be written by your login, which does not see the masked fields of this conflict: it needs the permission "
    "syncapp.see_masked. Choose a winner, or fields"
)
# Two documents of up to 16 MB each: a list shows neither
BODIES = (
    "local_document", "atlas_document", "base_document", "local_raw", "atlas_raw", "base_raw", "document_id_raw",
)  # fmt: skip


def restore(conflict: Conflict, user: Actor = None) -> Conflict:
    """Write the loser's version into the local MongoDB. Raises Overtaken, NotPossible or Unreachable."""
    if conflict.restored_at is not None:
        raise Overtaken(
            f"This version has already been restored, at {conflict.restored_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    if conflict.winner == Conflict.Winner.MERGED:
        raise NotPossible("A person has written a version of both: neither has lost")
    if not conflict.loser:
        raise NotPossible("This conflict is not resolved yet: neither version has lost")
    loser = Side(conflict.loser)
    version = versions_of(conflict)[loser]
    with _said_to(user, conflict):
        write_natively(Side.LOCAL, PROCESS, _key(conflict), version, of_here=loser is Side.LOCAL)
    # Written first, marked second: after a crash in between the same bytes are restored once more, which is
    # no change. The other way round the version would count as restored and be missing.
    unmarked = Conflict.objects.filter(restored_at=None)
    _mark(
        conflict,
        unmarked,
        user,
        "restore",
        f"the {conflict.loser} version",
        restored_at=timezone.now(),
        restored_by=_name(user),
    )
    return conflict


def version_now(conflict: Conflict) -> tuple[str, str]:
    """The current local version, and the one to restore, as canonical extended JSON; empty: absent.

    Raises NotPossible or Unreachable.
    """
    there = read_now(Side.LOCAL, PROCESS, _key(conflict))
    coming = conflict.local_document if conflict.loser == SideChoices.LOCAL else conflict.atlas_document
    return extended_json(there), coming


def resolve(
    conflict: Conflict,
    choice: Choice | Side,
    user: Actor = None,
    seen: Mapping[Side, str] = MappingProxyType({}),
) -> Conflict:
    """Decide one that waits: a side's version is written to the other side, so that sync finds both sides equal and agrees;
    or a third one here, which sync pushes. Raises WrongInput, NotAllowed, Overtaken, NotPossible or Unreachable.

    Only if both sides still hold the recorded versions: no newer edit is overwritten. `seen`: hashes of the versions that
    were decided about (resolution.py), if they must be these.
    """
    if not conflict.waits:
        raise Overtaken("This conflict is already resolved")
    key, versions = _key(conflict), versions_of(conflict)
    check_seen(versions, seen)
    choice = Choice(choice) if isinstance(choice, Side) else choice
    if choice.document is not None and not may_write(conflict, user):
        raise NotAllowed(MASKED, "document")
    with _said_to(user, conflict):
        winner = _write(choice, key, versions)
    # Written first, marked second: after a crash in between sync finds both sides equal, and resolves it
    waiting = Conflict.objects.filter(winner=Conflict.Winner.OPEN)
    said = f"the {winner} version was chosen" if winner else "a merged version was written"
    _mark(
        conflict, waiting, user, "resolve conflict", said, winner=winner or Conflict.Winner.MERGED,
        resolved_at=timezone.now(), resolved_by=_name(user),
    )  # fmt: skip
    return conflict


def may_write(conflict: Conflict, user: Actor) -> bool:
    """May this person decide by a document of his own? Not where he does not see all of it: he would write the masks."""
    if user is None:
        return True
    return not Masks(user).hides(conflict.collection, conflict.local_document, conflict.atlas_document)


@contextmanager
def _said_to(user: Actor, conflict: Conflict) -> Iterator[None]:
    """What a server or a rule refuses may quote a masked field."""
    try:
        yield
    except NotPossible as error:
        if user is None:  # a command
            raise
        raise NotPossible(Masks(user).reason(conflict.collection, error.detail), error.field) from error


def _write(choice: Choice, key: DocumentKey, versions: Versions) -> Side | None:
    """Returns whose version was written. None: neither's."""
    winner = choice.winner
    if winner is None:
        document = document_of(choice, versions, key)
        winner = next((side for side in Side if versions[side] == document), None)
        if winner is None:
            write_merged(key, versions, document, PROCESS)
    if winner is not None:
        _take(key, versions, winner)
    return winner


def _take(key: DocumentKey, versions: Versions, winner: Side) -> None:
    target = winner.other
    if read_now(winner, PROCESS, key) != versions[winner]:
        raise Overtaken(CHANGED_MEANWHILE)
    with local_database(PROCESS) as local:
        forget_bases(local, [key])  # or a sum would take it for the same change of both sides
    write_natively(target, PROCESS, key, versions[winner], only_over=versions[target])


def copy_left_conflicts() -> int:
    """For beat: copy records that a worker left, and delete copied ones after their retention. Raises Unreachable or
    DatabaseError."""
    with local_database("maintenance") as local:
        count = copy_conflicts(local, instance_id(local))
        keep = dt.timedelta(hours=get_settings().origin_tracking_keep_hours)
        conflicts.forget_copied(local, dt.datetime.now(dt.UTC) - keep)
    return count


def _key(conflict: Conflict) -> DocumentKey:
    return document_key(conflict.collection, bytes(conflict.document_id_raw))


def versions_of(conflict: Conflict) -> dict[Side, bytes | None]:
    """Raw BSON of both. None: the document was absent on that side."""
    kept = {Side.LOCAL: conflict.local_raw, Side.ATLAS: conflict.atlas_raw}
    return {side: None if raw is None else bytes(raw) for side, raw in kept.items()}


def _name(user: Actor) -> str:
    return user.get_username() if user is not None else TYPED_BY.get()


def _mark(
    conflict: Conflict, among: QuerySet[Conflict], user: Actor, action: str, said: str, **values: Any
) -> None:
    """Once: a concurrent caller has marked it, and is in the audit log."""
    before = {name: getattr(conflict, name) for name in values}
    with transaction.atomic():
        if among.filter(pk=conflict.pk).update(**values):
            detail = f"{conflict.collection} {id_to_type(conflict.document_id)}: {said}"
            audit(user, action, detail, before, values)
    conflict.refresh_from_db(fields=list(values))
