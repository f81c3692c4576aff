"""The recorded reason why a document differs between the sides: for pages, API and commands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from syncapp.core.rule.collection_rule import Direction
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.rule_words import DIRECTIONS
from syncapp.core.text.extended_json import beyond
from syncapp.models import Conflict, ExcludedCollection, Instance, RejectedChange
from syncapp.rules.switches import get_switches
from syncapp.services.masked import Masks
from syncapp.services.rules import collection_rules

# Collection, `_id` as canonical extended JSON, and what `beyond` says of that (core/text/extended_json.py)
Key = tuple[str, str, str]


class Code(StrEnum):
    REJECTED = "rejected"
    MANUAL = "manual"
    HALTED = "halted"
    INTENDED = "intended"
    PAUSED = "paused"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Reason:
    """`row`: the primary key of the rejected change or conflict, if any."""

    code: Code
    text: str
    row: int | None = None

    def as_document(self) -> dict[str, str]:
        """As API and `--json` show it."""
        return {"code": self.code.value, "text": self.text}


def key_of(sample: Mapping[str, Any]) -> Key:
    """Of a sample of a comparison run."""
    return sample["collection"], sample["id"], sample.get("bson", "")


def only_here(samples: Iterable[Mapping[str, Any]]) -> set[Key]:
    """Those that Atlas lacks."""
    return {key_of(one) for one in samples if one["what"] == "onlyLocal"}


def reasons_of(keys: Collection[Key], lacking: Collection[Key] = ()) -> dict[Key, Reason]:
    """Why each of these documents differs; causes that an operator can act on come first. `lacking`: those that Atlas
    lacks, if that is known: they may just have to be pushed. Raises DatabaseError."""
    names, ids = {key[0] for key in keys}, {key[1] for key in keys}
    general = {(name, up): _of_collection(name, up) for name in names for up in (False, True)}
    found = {key: general[key[0], key in lacking] for key in keys}
    masks = Masks(None)  # samples are shown to all
    for waiting in Conflict.objects.filter(
        winner=Conflict.Winner.OPEN, resolved_at=None, collection__in=names, document_id__in=ids
    ).only("collection", "document_id", "document_id_raw"):
        found |= _if_wanted(found, waiting, Code.MANUAL, "A conflict needs manual resolution")
    for refused in RejectedChange.objects.filter(collection__in=names, document_id__in=ids).only(
        "collection", "document_id", "document_id_raw", "reason"
    ):
        text = masks.reason(refused.collection, refused.reason)
        found |= _if_wanted(found, refused, Code.REJECTED, text)
    return found


def with_reasons(samples: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Samples of a comparison run, each with its reason, as API and `--json` show them."""
    rows = [dict(one) for one in samples]
    found = reasons_of([key_of(one) for one in rows], only_here(rows))
    return [{**one, "reason": found[key_of(one)].as_document()} for one in rows]


def _if_wanted(
    wanted: Mapping[Key, Reason], row: Conflict | RejectedChange, code: Code, text: str
) -> dict[Key, Reason]:
    key = (row.collection, row.document_id, beyond(row.document_id, bytes(row.document_id_raw)))
    return {key: Reason(code, text, row.pk)} if key in wanted else {}


def _of_collection(name: str, up: bool) -> Reason:
    """The reason that applies to all documents of a collection, or to all that Atlas lacks (`up`)."""
    switches = get_switches()
    for halts in Instance.objects.values_list("halts", flat=True):
        for halt in halts:
            if not halt["side"] or halt["collection"] in ("", name):
                return Reason(Code.HALTED, str(halt["detail"]))
    if switches.paused:
        return Reason(Code.PAUSED, "Sync is paused")
    if Exclusions.of(ExcludedCollection.objects.values_list("pattern", flat=True)).excludes(name):
        return _not_pulled("The collection is excluded: it is not pulled from Atlas", up)
    rule = collection_rules.current().for_collection(name)
    if rule.direction is not Direction.BOTH:
        return Reason(Code.INTENDED, f"By the collection rule {rule.pattern}: {DIRECTIONS[rule.direction]}")
    if not switches.enabled:
        return _not_pulled("Bidirectional sync is disabled: nothing is pulled from Atlas", up)
    return Reason(
        Code.PENDING,
        "No reason is recorded: the change may be in flight. A repair processes the document again",
    )


def _not_pulled(text: str, up: bool) -> Reason:
    if up:
        return Reason(Code.PENDING, f"Not pushed yet, or deleted on Atlas. {text}")
    return Reason(Code.INTENDED, text)
