"""Patterns of collections, of exclusions and validation rules: what one matches now, and which one a `DELETE` names."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from syncapp.api.common.fields import Text
from syncapp.api.common.views import SyncView
from syncapp.core.rule.patterns import LONGEST
from syncapp.services.errors import WrongInput
from syncapp.services.rules.patterns import MOST_NAMES


class SideMatchesOut(serializers.Serializer):
    count = serializers.IntegerField()
    collections = serializers.ListField(
        child=serializers.CharField(), help_text=f"Their names, the first {MOST_NAMES}"
    )


class MatchesOut(serializers.Serializer):
    """The collections that the pattern matches now; null: the side cannot be asked."""

    local = SideMatchesOut(allow_null=True)
    atlas = SideMatchesOut(allow_null=True)


class OldPattern(Text):
    """Of an existing entry: older versions accepted patterns that are refused today."""

    def __init__(self, **options: Any) -> None:
        super().__init__("an existing pattern", **{"max_length": LONGEST, **options})


class PatternGiven(serializers.Serializer):
    """Of a DELETE, in the query or in the body: not every client can send a body."""

    pattern = OldPattern(required=False)


class PatternQuery(serializers.Serializer):
    """The same as described in the schema: generated clients send it in the query."""

    pattern = OldPattern(help_text="May also be in the body, as JSON or a form")


def the_pattern(view: SyncView) -> str:
    """The pattern of a DELETE."""
    found = {part["pattern"] for part in (view.asked, view.wanted) if part}
    if len(found) > 1:
        raise WrongInput("pattern differs between query and body", "pattern")
    if not found:
        raise WrongInput(f"pattern is missing; allowed: {OldPattern().allowed}", "pattern")
    return str(found.pop())
