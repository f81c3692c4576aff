"""Changes of collection rules, exclusions and validation rules: written in one place, where each is put into the audit log with
what was before and after, and the workers are made to read the rules again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncapp.core.rule.collection_rule import NO_RULE, CollectionRule
from syncapp.core.rule.rule_words import change_text, differing, part_texts
from syncapp.models import CollectionRule as Row
from syncapp.models import ExcludedCollection, ValidationRule
from syncapp.models.choices import RuleKind
from syncapp.rules.switches import Actor, audit, raise_version

MODELS: dict[str, type[Row]] = {model.KIND: model for model in (ExcludedCollection, Row, ValidationRule)}
ACTIONS: dict[str, tuple[str, str]] = {  # of who sets and who removes one, in the audit log
    RuleKind.EXCLUSION: ("exclude collection", "include collection"),
    RuleKind.RULE: ("set collection rule", "remove collection rule"),
    RuleKind.VALIDATION: ("set validation rule", "remove validation rule"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of what there is of a kind for a pattern, as the API has it. None: there was, or is, nothing."""

    kind: RuleKind
    pattern: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @classmethod
    def of(cls, kind: RuleKind, pattern: str, row: Row | None, after: Mapping[str, Any] | None) -> Change:
        """`row`: that there is."""
        return cls(kind, pattern, row.as_document() if row else None, after)

    @property
    def what(self) -> str:
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "changed" if self.parts else "unchanged"

    @property
    def parts(self) -> dict[str, tuple[Any, Any]]:
        """That differ: what they were, and what they are."""
        nothing = NO_RULE.as_document() if self.kind is RuleKind.RULE else {}
        return differing(self.before or nothing, self.after or nothing)

    @property
    def detail(self) -> str:
        """For the audit log."""
        if self.kind is RuleKind.RULE:
            before, after = (CollectionRule.of(one) if one else None for one in (self.before, self.after))
            return f"{self.pattern}: {change_text(before, after) or self.what}"
        if self.after and "schema" in self.after:
            return f"{self.pattern}: {json.dumps(self.after['schema'], ensure_ascii=False)}"
        return self.pattern

    def as_document(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "pattern": self.pattern,
            "what": self.what,
            "parts": [{"part": name, "before": old, "after": new} for name, (old, new) in self.parts.items()],
        }

    def __str__(self) -> str:
        if self.kind is RuleKind.RULE:
            return self.detail
        return "; ".join([f"{self.kind.label} {self.pattern}: {self.what}", *part_texts(self.parts)])


def laid_down(kind: RuleKind) -> dict[str, dict[str, Any]]:
    """What there is of a kind, by pattern."""
    return {row.pattern: row.as_document() for row in MODELS[kind].objects.order_by("pattern")}


def write(change: Change, user: Actor) -> Any:
    """In a transaction. Returns the row; None: it is removed."""
    rows, row = MODELS[change.kind].objects, None
    if change.after is None:
        rows.filter(pattern=change.pattern).delete()
    else:
        columns = MODELS[change.kind].columns(change.after)
        row, _ = rows.update_or_create(pattern=change.pattern, defaults=columns)
    audit(user, ACTIONS[change.kind][change.after is None], change.detail, change.before, change.after)
    raise_version()
    return row
