"""Conflicts: the list with its totals, one with both versions, and restoring the loser."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.versions import parsed
from syncapp.api.bodies import BodiesHidden, WithBodies
from syncapp.api.fields import Boolean, Choice, CollectionName, Moment
from syncapp.api.metrics import ConflictTotalsOut, conflict_totals
from syncapp.api.once import once_a_key
from syncapp.api.paging import PageQuery, ordering, page_of
from syncapp.api.views import SyncView
from syncapp.core.values import Side
from syncapp.mirror.waiting import waiting
from syncapp.models import Conflict
from syncapp.models.choices import SideChoices
from syncapp.services import conflicts

ORDERS = {"at": "at", "collection": "collection", "winner": "winner", "strategy": "strategy"}


class ConflictQuery(PageQuery):
    ordering = ordering(ORDERS)
    collection = CollectionName(required=False)
    winner = Choice(choices=Conflict.Winner.values, required=False)
    restored = Boolean(required=False)
    waiting = Boolean(required=False, help_text="true: those that need manual resolution")
    since = Moment(required=False)
    until = Moment(required=False)


class ConflictHead(serializers.ModelSerializer):
    documentId = serializers.SerializerMethodField(help_text="Canonical extended JSON")
    because = serializers.CharField(
        help_text="The reason in one sentence, with both times and origins. Empty: an earlier version decided"
    )
    loser = serializers.CharField(help_text="Empty: not resolved yet")
    oneWay = serializers.BooleanField(source="one_way", help_text="Local won because nothing is pulled")
    localTime = serializers.DateTimeField(source="local_time", allow_null=True)
    atlasTime = serializers.DateTimeField(source="atlas_time", allow_null=True)
    localOrigin = serializers.CharField(source="local_origin")
    atlasOrigin = serializers.CharField(source="atlas_origin")
    restoredAt = serializers.DateTimeField(source="restored_at", allow_null=True)
    resolvedAt = serializers.DateTimeField(
        source="resolved_at", allow_null=True, help_text="Of a manually resolved one"
    )

    class Meta:
        model = Conflict
        fields: tuple[str, ...] = (
            "id", "collection", "documentId", "at", "strategy", "because", "winner", "loser", "oneWay",
            "localTime", "atlasTime", "localOrigin", "atlasOrigin", "restoredAt",
            "resolvedAt",
        )  # fmt: skip

    def get_documentId(self, conflict: Conflict) -> Any:
        return parsed(conflict.document_id)


class ConflictDetail(WithBodies, ConflictHead):
    bodiesHidden = BodiesHidden()
    localDocument = serializers.SerializerMethodField(help_text="Canonical extended JSON; null: absent")
    atlasDocument = serializers.SerializerMethodField(help_text="Canonical extended JSON; null: absent")

    class Meta(ConflictHead.Meta):
        fields = (*ConflictHead.Meta.fields, "bodiesHidden", "localDocument", "atlasDocument")

    def get_localDocument(self, conflict: Conflict) -> Any:
        return self.body(conflict.local_document)

    def get_atlasDocument(self, conflict: Conflict) -> Any:
        return self.body(conflict.atlas_document)


class ConflictPage(ConflictTotalsOut):
    count = serializers.IntegerField(help_text="Conflicts that match the filters")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ConflictHead(many=True)


def filtered(query: dict[str, Any]) -> QuerySet[Conflict]:
    found = Conflict.objects.defer(*conflicts.BODIES)
    lookups = {"collection": "collection", "winner": "winner", "since": "at__gte", "until": "at__lte"}
    found = found.filter(**{lookups[name]: value for name, value in query.items() if name in lookups})
    if "restored" in query:
        found = found.filter(restored_at__isnull=not query["restored"])
    if "waiting" in query:
        those = waiting().values("pk")
        found = found.filter(pk__in=those) if query["waiting"] else found.exclude(pk__in=those)
    return found


@extend_schema_view(
    get=extend_schema(
        operation_id="list_conflicts",
        parameters=[ConflictQuery],
        responses=ConflictPage,
        tags=["conflicts"],
    )
)
class ConflictList(SyncView):
    """Totals of all conflicts, and those that match the filters, newest first."""

    asks = {"GET": ConflictQuery}

    def get(self, request: Request) -> Response:
        return Response({**conflict_totals(), **page_of(self, filtered(self.asked), ConflictHead, ORDERS)})


@extend_schema_view(get=extend_schema(responses=ConflictDetail, tags=["conflicts"]))
class ConflictOne(SyncView):
    """One conflict with both versions in full."""

    def get(self, request: Request, pk: int) -> Response:
        conflict = get_object_or_404(Conflict, pk=pk)
        return Response(ConflictDetail(conflict, context={"request": request}).data)


@extend_schema_view(post=extend_schema(request=None, responses=ConflictHead, tags=["conflicts"]))
class ConflictRestore(SyncView):
    """Restores the losing version as a new local change, which sync pushes."""

    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, pk: int) -> Response:
        conflict = conflicts.restore(get_object_or_404(Conflict, pk=pk), request.user)
        return Response(ConflictHead(conflict).data)


class ResolveIn(serializers.Serializer):
    winner = Choice(choices=SideChoices.choices, help_text="Whose version wins")


@extend_schema_view(post=extend_schema(request=ResolveIn, responses=ConflictHead, tags=["conflicts"]))
class ConflictResolve(SyncView):
    """Resolves a conflict manually: that side's version is written to the other side."""

    takes = {"POST": ResolveIn}
    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, pk: int) -> Response:
        winner = Side(self.wanted["winner"])
        conflict = conflicts.resolve(get_object_or_404(Conflict, pk=pk), winner, request.user)
        return Response(ConflictHead(conflict).data)
