"""Excluded collections: they are not pulled from Atlas, and still go up."""

from __future__ import annotations

from django.core.exceptions import ValidationError as ModelError
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.errors import wrong
from syncapp.api.fields import Pattern
from syncapp.api.views import SyncView
from syncapp.models import ExcludedCollection
from syncapp.switches import exclude, include


class ExclusionIn(serializers.Serializer):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")


class ExclusionOut(serializers.ModelSerializer):
    createdAt = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ExcludedCollection
        fields = ("pattern", "createdAt")


class ExclusionList(serializers.Serializer):
    count = serializers.IntegerField()
    results = ExclusionOut(many=True)


class PatternQuery(serializers.Serializer):
    """Of a DELETE, in the query or in the body: not every client sends a body with it."""

    pattern = Pattern(required=False, help_text="In the query or in the body")


def the_pattern(view: SyncView) -> str:
    """The one that a DELETE names."""
    found = {part["pattern"] for part in (view.asked, view.wanted) if part}
    if len(found) > 1:
        raise serializers.ValidationError("pattern is one thing in the query and another in the body")
    if not found:
        raise serializers.ValidationError(f"pattern is missing; allowed: {Pattern.allowed}")
    return str(found.pop())


@extend_schema_view(
    get=extend_schema(responses=ExclusionList, tags=["exclusions"]),
    post=extend_schema(request=ExclusionIn, responses={201: ExclusionOut}, tags=["exclusions"]),
    delete=extend_schema(
        parameters=[PatternQuery],
        request=PatternQuery,
        responses={204: None},
        tags=["exclusions"],
    ),
)
class Exclusions(SyncView):
    """Asking twice for the same is no error: what is so already is answered as if it were new."""

    takes = {"POST": ExclusionIn, "DELETE": PatternQuery}
    asks = {"DELETE": PatternQuery}

    def get(self, request: Request) -> Response:
        rows = ExclusionOut(ExcludedCollection.objects.all(), many=True).data
        return Response({"count": len(rows), "results": rows})

    def post(self, request: Request) -> Response:
        pattern = self.wanted["pattern"]
        try:
            entry = exclude(pattern, request.user)
        except ModelError:
            raise wrong("pattern", pattern, Pattern.allowed) from None
        return Response(ExclusionOut(entry).data, status=status.HTTP_201_CREATED)

    def delete(self, request: Request) -> Response:
        pattern = the_pattern(self)
        if not include(pattern, request.user):
            raise NotFound(f"{pattern} is not among the excluded patterns")
        return Response(status=status.HTTP_204_NO_CONTENT)
