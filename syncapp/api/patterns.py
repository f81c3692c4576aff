"""Patterns of collections, of exclusions and validation rules: what one matches now, and which one a `DELETE` names."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from syncapp.api.fields import Text
from syncapp.api.views import SyncView
from syncapp.core.patterns import LONGEST
from syncapp.services.errors import WrongInput
from syncapp.services.patterns import MOST_NAMES


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
    """Of something to remove: an older version let in what would be refused today."""

    def __init__(self, **options: Any) -> None:
        super().__init__("a pattern that is there", **{"max_length": LONGEST, **options})


class PatternGiven(serializers.Serializer):
    """Of a DELETE, in the query or in the body: not every client sends a body with it."""

    pattern = OldPattern(required=False)


class PatternQuery(serializers.Serializer):
    """The same as it is described: a client that is made from the description sends it in the query."""

    pattern = OldPattern(
        help_text="Is also taken from the body, as JSON or a form, if it is not in the query"
    )


def the_pattern(view: SyncView) -> str:
    """The one that a DELETE names."""
    found = {part["pattern"] for part in (view.asked, view.wanted) if part}
    if len(found) > 1:
        raise WrongInput("pattern is one thing in the query and another in the body", "pattern")
    if not found:
        raise WrongInput(f"pattern is missing; allowed: {OldPattern().allowed}", "pattern")
    return str(found.pop())
