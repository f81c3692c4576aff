"""Conflicts: the list with its totals, one with both versions, and restoring the loser."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.versions import changed, parsed
from syncapp.api.common.bodies import BodiesHidden, WithBodies
from syncapp.api.common.fields import Boolean, Choice, CollectionName, Moment, Text, document_id
from syncapp.api.common.once import once_a_key
from syncapp.api.common.paging import PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.api.metrics import ConflictTotalsOut, conflict_totals
from syncapp.core.values import Side
from syncapp.models import Conflict
from syncapp.models.choices import SideChoices
from syncapp.process.described import extend_schema_view
from syncapp.services import conflicts
from syncapp.services.conflict_selection import chosen
from syncapp.services.errors import wrong_value
from syncapp.services.masked import Masks
from syncapp.services.resolution import Choice as Decision
from syncapp.services.resolution import seen_hashes

ORDERS = {"at": "at", "collection": "collection", "winner": "winner", "strategy": "strategy"}


class ConflictFilter(serializers.Serializer):
    collection = CollectionName(required=False)
    documentId = document_id()
    winner = Choice(choices=Conflict.Winner.choices, required=False)
    oneWay = Boolean(required=False, help_text="true: local won because nothing is pulled")
    restored = Boolean(required=False)
    waiting = Boolean(required=False, help_text="true: those that need manual resolution")
    since = Moment(required=False)
    until = Moment(required=False)
    device = Text(
        "the id of a device, or atlas",
        max_length=36,
        required=False,
        help_text="Whose change one of the versions is",
    )


class ConflictQuery(ConflictFilter, PageQuery):
    ordering = ordering(ORDERS)


class ConflictHead(serializers.ModelSerializer):
    documentId = serializers.SerializerMethodField(help_text="Canonical extended JSON")
    because = serializers.CharField(
        help_text="The reason in one sentence, with both times and origins. Empty: an earlier version decided"
    )
    loser = serializers.CharField(help_text="Empty: not resolved yet")
    merged = serializers.BooleanField(
        help_text="Both sides' changes are in the document; the winner's value counts only in `contestedFields`"
    )
    contestedFields = serializers.ListField(
        child=serializers.CharField(),
        source="fields",
        help_text="Of a merge: dotted paths, changed on both sides",
    )
    oneWay = serializers.BooleanField(source="one_way", help_text="Local won because nothing is pulled")
    localTime = serializers.DateTimeField(source="local_time", allow_null=True)
    atlasTime = serializers.DateTimeField(source="atlas_time", allow_null=True)
    restoredBy = serializers.CharField(
        source="restored_by", help_text="User, or operating-system user of a command"
    )
    resolvedBy = serializers.CharField(source="resolved_by", help_text="The same. Empty: resolved by itself")
    localOrigin = serializers.CharField(source="local_origin")
    atlasOrigin = serializers.CharField(source="atlas_origin")
    restoredAt = serializers.DateTimeField(source="restored_at", allow_null=True)
    resolvedAt = serializers.DateTimeField(
        source="resolved_at", allow_null=True, help_text="Of a manually resolved one"
    )

    class Meta:
        model = Conflict
        fields: tuple[str, ...] = (
            "id", "collection", "documentId", "at", "strategy", "because", "winner", "loser", "merged", "contestedFields", "oneWay",
            "localTime", "atlasTime", "localOrigin", "atlasOrigin", "restoredAt",
            "restoredBy", "resolvedAt", "resolvedBy",
        )  # fmt: skip

    def get_documentId(self, conflict: Conflict) -> Any:
        return parsed(conflict.document_id)


class ConflictDetail(WithBodies, ConflictHead):
    bodiesHidden = BodiesHidden()
    localDocument = serializers.SerializerMethodField(help_text="Canonical extended JSON; null: absent")
    atlasDocument = serializers.SerializerMethodField(help_text="Canonical extended JSON; null: absent")

    baseDocument = serializers.SerializerMethodField(
        help_text="What both were made from, as canonical extended JSON; null: not kept"
    )
    changedFields = serializers.SerializerMethodField(
        help_text="Dotted paths, and which side has changed each since the base; null: the base is not kept, or bodiesHidden"
    )
    localHash = serializers.SerializerMethodField(
        help_text="Names this version when the conflict is resolved"
    )
    atlasHash = serializers.SerializerMethodField(
        help_text="Names this version when the conflict is resolved"
    )

    class Meta(ConflictHead.Meta):
        fields = (
            *ConflictHead.Meta.fields,
            "bodiesHidden",
            "localDocument",
            "atlasDocument",
            "baseDocument",
            "changedFields",
            "localHash",
            "atlasHash",
        )

    def get_localHash(self, conflict: Conflict) -> str:
        return seen_hashes(conflicts.versions_of(conflict))[Side.LOCAL]

    def get_atlasHash(self, conflict: Conflict) -> str:
        return seen_hashes(conflicts.versions_of(conflict))[Side.ATLAS]

    def get_baseDocument(self, conflict: Conflict) -> Any:
        return self.body(conflict.base_document)

    @extend_schema_field(
        serializers.DictField(
            child=serializers.ChoiceField(choices=["local", "atlas", "both"]), allow_null=True
        )
    )
    def get_changedFields(self, conflict: Conflict) -> dict[str, str] | None:
        return (
            changed(conflict.local_document, conflict.atlas_document, conflict.base_document)
            if self.body(conflict.base_document)
            else None
        )

    def get_localDocument(self, conflict: Conflict) -> Any:
        return self.body(conflict.local_document)

    def get_atlasDocument(self, conflict: Conflict) -> Any:
        return self.body(conflict.atlas_document)


class ConflictPage(ConflictTotalsOut):
    count = serializers.IntegerField(help_text="Conflicts that match the filters")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ConflictHead(many=True)


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
        masks = Masks(request.user)
        page = page_of(self, chosen(self.asked), ConflictHead, ORDERS, masks.becauses)
        return Response({**conflict_totals(), **page})


@extend_schema_view(get=extend_schema(responses=ConflictDetail, tags=["conflicts"]))
class ConflictOne(SyncView):
    """One conflict with both versions in full, and what both were made from, where it is kept."""

    def get(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(Conflict, pk=pk)
        shown = Masks(request.user).conflict(row)
        return Response(ConflictDetail(shown, context={"request": request}).data)


@extend_schema_view(post=extend_schema(request=None, responses=ConflictHead, tags=["conflicts"]))
class ConflictRestore(SyncView):
    """Restores the losing version as a new local change, which sync pushes."""

    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, pk: int) -> Response:
        conflict = conflicts.restore(get_object_or_404(Conflict, pk=pk), request.user)
        return Response(ConflictHead(Masks(request.user).becauses(conflict)).data)


class SeenIn(serializers.Serializer):
    local = serializers.RegexField(r"\A[0-9a-fA-F]{32}\Z", help_text="localHash of the conflict")
    atlas = serializers.RegexField(r"\A[0-9a-fA-F]{32}\Z", help_text="atlasHash of the conflict")


class ResolveIn(serializers.Serializer):
    """One of `winner`, `document` and `fields`."""

    winner = Choice(choices=SideChoices.choices, required=False, help_text="Whose version wins")
    document = serializers.DictField(
        required=False, help_text="What both sides become, in extended JSON, with the same _id or without one"
    )
    fields_ = serializers.DictField(required=False)
    seen = SeenIn(required=False, help_text="Refused (409) if the conflict's versions are others")

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found


def choice_of(wanted: dict[str, Any]) -> Decision:
    """Raises WrongInput."""
    fields: dict[str, Side] | None = None
    if "fields" in wanted:
        fields = {}
        for name, side in wanted["fields"].items():
            if side not in list(Side):
                raise wrong_value(f"fields.{name}", side, "local or atlas")
            fields[name] = Side(side)
    winner = Side(wanted["winner"]) if "winner" in wanted else None
    return Decision(winner, wanted.get("document"), fields)


@extend_schema_view(post=extend_schema(request=ResolveIn, responses=ConflictHead, tags=["conflicts"]))
class ConflictResolve(SyncView):
    """Resolves a conflict manually: a side's version is written to the other side, or a third one to both. Refused if a side
    holds another version than the conflict has by now."""

    takes = {"POST": ResolveIn}
    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, pk: int) -> Response:
        choice = choice_of(self.wanted)
        seen = {Side(side): text for side, text in self.wanted.get("seen", {}).items()}
        conflict = conflicts.resolve(get_object_or_404(Conflict, pk=pk), choice, request.user, seen)
        return Response(ConflictHead(Masks(request.user).becauses(conflict)).data)
