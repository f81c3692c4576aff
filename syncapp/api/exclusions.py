"""Excluded collections: they are not pulled from Atlas, but still pushed."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Pattern
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.patterns import MatchesOut, PatternGiven, PatternQuery, the_pattern
from syncapp.api.common.views import SyncView
from syncapp.models import ExcludedCollection
from syncapp.process.described import extend_schema_view
from syncapp.services.rules.exclusions import exclude, include
from syncapp.services.rules.patterns import matches


class ExclusionIn(serializers.Serializer):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")


class ExclusionOut(serializers.ModelSerializer):
    createdAt = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ExcludedCollection
        fields: tuple[str, ...] = ("pattern", "createdAt")


class ExclusionAdded(ExclusionOut):
    matches = MatchesOut(read_only=True)

    class Meta(ExclusionOut.Meta):
        fields = (*ExclusionOut.Meta.fields, "matches")


ORDERS = {"pattern": "pattern", "createdAt": "created_at"}


class ExclusionQuery(PageQuery):
    ordering = ordering(ORDERS)


class ExclusionList(Page):
    results = ExclusionOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_exclusions",
        parameters=[ExclusionQuery],
        responses=ExclusionList,
        tags=["exclusions"],
    ),
    post=extend_schema(request=ExclusionIn, responses={201: ExclusionAdded}, tags=["exclusions"]),
    delete=extend_schema(
        parameters=[PatternQuery],
        responses={204: None},
        tags=["exclusions"],
    ),
)
class Exclusions(SyncView):
    """Idempotent: an existing exclusion is answered like a new one."""

    takes = {"POST": ExclusionIn, "DELETE": PatternGiven}
    asks = {"GET": ExclusionQuery, "DELETE": PatternGiven}
    refusals = {"DELETE": (404,)}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, ExcludedCollection.objects.all(), ExclusionOut, ORDERS))

    def post(self, request: Request) -> Response:
        pattern = self.wanted["pattern"]
        entry = exclude(pattern, request.user)
        answer = {**ExclusionOut(entry).data, "matches": matches(pattern).as_document()}
        return Response(answer, status=status.HTTP_201_CREATED)

    def delete(self, request: Request) -> Response:
        include(the_pattern(self), request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
