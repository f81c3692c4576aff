"""Excluded collections: they are not pulled from Atlas, and still go up."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.errors import wrong
from syncapp.api.fields import Pattern, Text
from syncapp.api.views import SyncView
from syncapp.core.patterns import LONGEST
from syncapp.models import ExcludedCollection
from syncapp.rules.switches import exclude, include
from syncapp.services.matches import MOST_NAMES, matches


class ExclusionIn(serializers.Serializer):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")


class ExclusionOut(serializers.ModelSerializer):
    createdAt = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ExcludedCollection
        fields: tuple[str, ...] = ("pattern", "createdAt")


class SideMatchesOut(serializers.Serializer):
    count = serializers.IntegerField()
    collections = serializers.ListField(
        child=serializers.CharField(), help_text=f"Their names, the first {MOST_NAMES}"
    )


class MatchesOut(serializers.Serializer):
    """The collections that the pattern matches now; null: the side cannot be asked."""

    local = SideMatchesOut(allow_null=True)
    atlas = SideMatchesOut(allow_null=True)


class ExclusionAdded(ExclusionOut):
    matches = MatchesOut(read_only=True)

    class Meta(ExclusionOut.Meta):
        fields = (*ExclusionOut.Meta.fields, "matches")


class ExclusionList(serializers.Serializer):
    count = serializers.IntegerField()
    results = ExclusionOut(many=True)


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
        raise serializers.ValidationError("pattern is one thing in the query and another in the body")
    if not found:
        raise serializers.ValidationError(f"pattern is missing; allowed: {OldPattern().allowed}")
    return str(found.pop())


@extend_schema_view(
    get=extend_schema(responses=ExclusionList, tags=["exclusions"]),
    post=extend_schema(request=ExclusionIn, responses={201: ExclusionAdded}, tags=["exclusions"]),
    delete=extend_schema(
        parameters=[PatternQuery],
        responses={204: None},
        tags=["exclusions"],
    ),
)
class Exclusions(SyncView):
    """Asking twice for the same is no error: what is so already is answered as if it were new."""

    takes = {"POST": ExclusionIn, "DELETE": PatternGiven}
    asks = {"DELETE": PatternGiven}
    refusals = {"DELETE": (404,)}

    def get(self, request: Request) -> Response:
        rows = ExclusionOut(ExcludedCollection.objects.all(), many=True).data
        return Response({"count": len(rows), "results": rows})

    def post(self, request: Request) -> Response:
        pattern = self.wanted["pattern"]
        try:
            entry = exclude(pattern, request.user)
        except ModelError:
            raise wrong("pattern", pattern, Pattern.allowed) from None
        answer = {**ExclusionOut(entry).data, "matches": matches(pattern).as_document()}
        return Response(answer, status=status.HTTP_201_CREATED)

    def delete(self, request: Request) -> Response:
        pattern = the_pattern(self)
        if not include(pattern, request.user):
            raise NotFound(f"{pattern} is not among the excluded patterns")
        return Response(status=status.HTTP_204_NO_CONTENT)
