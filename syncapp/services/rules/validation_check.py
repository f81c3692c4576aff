"""Checks the documents that are there against the validation of their collections, now and on both sides: it is otherwise
checked when a document is transferred. Nothing is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncapp.compare.differences import shared_collections
from syncapp.compare.validity import Validity, check_documents
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Side
from syncapp.rules import stored
from syncapp.rules.rules import Rules, rules_of
from syncapp.rules.validation import Check, ValidationRules
from syncapp.services.databases import database
from syncapp.services.masked import Masks
from syncapp.services.rules import patterns
from syncapp.services.rules.validation import checked

PROCESS = "validation"
SECONDS = 5.0
MOST_COLLECTIONS = 50
MISSING = object()  # no schema: null would be a wrong one


@dataclass(frozen=True, slots=True)
class Checked:
    """`found`: of collections to which a validation applies; `left`: further ones that were not looked at."""

    found: list[Validity]
    left: int

    @property
    def whole(self) -> bool:
        return not self.left and all(one.whole for one in self.found)

    @property
    def refused(self) -> int:
        return sum(one.refused.total() for one in self.found)

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        return {
            "whole": self.whole,
            "collectionsLeft": self.left,
            "collections": [_as_document(one) for one in self.found],
        }


def check_now(
    pattern: str, schema: object = MISSING, seconds: float | None = SECONDS, masks: Masks | None = None
) -> Checked:
    """Of the collections of this pattern; `schema`: this one instead of the rules that apply. `seconds`: read for so long; None:
    everything. `masks`: of whoever looks. Raises WrongInput or Unreachable."""
    patterns.check(pattern)
    given = None if schema is MISSING else ValidationRules.of([(pattern, checked(schema))])
    deadline = time.monotonic() + (math.inf if seconds is None else seconds)
    with database(Side.LOCAL, PROCESS) as local, database(Side.ATLAS, PROCESS) as atlas:
        databases = {Side.LOCAL: local, Side.ATLAS: atlas}
        names = filter(Exclusions.of([pattern]).excludes, shared_collections(local, atlas))
        checks = dict(_checks(names, rules_of(local, stored.read()), given))
        found: list[Validity] = []
        for name, check in list(checks.items())[:MOST_COLLECTIONS]:
            if found and time.monotonic() > deadline:
                break
            found.append(check_documents(databases, name, check, deadline))
    if masks is not None:
        for one in found:
            for side, samples in one.samples.items():
                one.samples[side] = [(key, masks.reason(one.collection, why)) for key, why in samples]
    return Checked(found, len(checks) - len(found))


def _checks(names: Iterator[str], rules: Rules, given: ValidationRules | None) -> Iterator[tuple[str, Check]]:
    for name in names:
        check = given.check_for(name) if given else rules.policy(name).check
        if check is not None:
            yield name, check


def _as_document(one: Validity) -> Mapping[str, Any]:
    sides = {
        side.value: {
            "read": one.read[side],
            "refused": one.refused[side],
            "samples": [{"id": key, "reason": why} for key, why in one.samples[side]],
        }
        for side in BOTH
    }
    return {"collection": one.collection, "whole": one.whole, **sides}
