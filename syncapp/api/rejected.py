"""Rejected changes: the list, one with its documents, and retry or discard: one, many, all that match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.versions import parsed
from syncapp.api.common.bodies import BodiesHidden, WithBodies
from syncapp.api.common.fields import Choice, CollectionName, Named, Text, Whole, Yes, document_id
from syncapp.api.common.once import once_a_key
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import RejectedChange
from syncapp.models.choices import Direction
from syncapp.process.described import extend_schema_view
from syncapp.services import rejected
from syncapp.services.masked import Masks

LARGEST_ID = 2**63 - 1
MOST_IDS = 1_000


class Ids(Named, serializers.ListField):
    allowed = f"a list of 1 to {MOST_IDS} ids, such as [3, 5]"
    child = Whole("an id", min_value=1, max_value=LARGEST_ID)


class RejectedFilter(serializers.Serializer):
    collection = CollectionName(required=False)
    documentId = document_id(source="document_id__icontains")
    direction = Choice(choices=Direction.choices, required=False)
    code = Whole("an error code of the server, such as 121", required=False, min_value=0, max_value=2**31 - 1)
    reason = Text("a part of the reason", required=False, help_text="A part of it")


ORDERS = {
    "lastAt": "last_at", "firstAt": "first_at", "collection": "collection", "attempts": "attempts", "code": "code",
}  # fmt: skip


class RejectedQuery(RejectedFilter, PageQuery):
    ordering = ordering(ORDERS)


class RejectedSelection(RejectedFilter):
    """The rejected changes that match all given filters."""

    least_properties = 1
    ids = Ids(required=False, min_length=1, max_length=MOST_IDS)
    all = Yes(required=False, help_text="Every rejected change")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"no filter is given; allowed: {', '.join(self.fields)}")
        return attrs


class RejectedHead(serializers.ModelSerializer):
    documentId = serializers.SerializerMethodField(help_text="Canonical extended JSON")
    heldBy = serializers.SerializerMethodField(
        help_text="The _id of the document that holds the unique value, in canonical extended JSON; or null"
    )
    firstAt = serializers.DateTimeField(source="first_at")
    lastAt = serializers.DateTimeField(source="last_at", help_text="When it was refused last")
    retriedAt = serializers.DateTimeField(source="retried_at", allow_null=True)

    class Meta:
        model = RejectedChange
        fields: tuple[str, ...] = (
            "id", "collection", "documentId", "direction", "reason", "code", "heldBy", "attempts",
            "firstAt", "lastAt", "retriedAt",
        )  # fmt: skip

    def get_documentId(self, change: RejectedChange) -> Any:
        return parsed(change.document_id)

    def get_heldBy(self, change: RejectedChange) -> Any:
        return parsed(change.other_id)


class RejectedDetail(WithBodies, RejectedHead):
    bodiesHidden = BodiesHidden()
    document = serializers.SerializerMethodField(
        help_text="Canonical extended JSON; null: a delete, or the document could not be read"
    )
    otherDocument = serializers.SerializerMethodField(help_text="The document that heldBy names; or null")

    class Meta(RejectedHead.Meta):
        fields = (*RejectedHead.Meta.fields, "bodiesHidden", "document", "otherDocument")

    def get_document(self, change: RejectedChange) -> Any:
        return self.body(change.document)

    def get_otherDocument(self, change: RejectedChange) -> Any:
        return self.body(change.other_document)


class RejectedPage(Page):
    results = RejectedHead(many=True)


class CountOut(serializers.Serializer):
    count = serializers.IntegerField()


@extend_schema_view(
    get=extend_schema(
        operation_id="list_rejected_changes",
        parameters=[RejectedQuery],
        responses=RejectedPage,
        tags=["rejected changes"],
    )
)
class RejectedList(SyncView):
    """Documents that their target or a validation rule refuses, with the reason, newest first."""

    asks = {"GET": RejectedQuery}

    def get(self, request: Request) -> Response:
        masks = Masks(request.user)
        found = rejected.chosen(**filters_of(self), masks=masks)
        return Response(page_of(self, found, RejectedHead, ORDERS, masks.reasons))


@extend_schema_view(get=extend_schema(responses=RejectedDetail, tags=["rejected changes"]))
class RejectedOne(SyncView):
    """One rejected change with its document, and the one that holds its unique value."""

    def get(self, request: Request, pk: int) -> Response:
        masks, row = Masks(request.user), get_object_or_404(RejectedChange, pk=pk)
        shown = masks.reasons(masks.fields(row, "document", "other_document"))
        return Response(RejectedDetail(shown, context={"request": request}).data)


def act(service: Callable[..., int], request: Request, **wanted: Any) -> Response:
    rows = rejected.chosen(**wanted, masks=Masks(request.user))
    return Response({"count": service(rows, request.user)})


def of_one(service: Callable[..., int], request: Request, pk: int) -> Response:
    get_object_or_404(RejectedChange.objects.only("pk"), pk=pk)
    return act(service, request, ids=[pk])


def of_many(service: Callable[..., int], request: Request, wanted: dict[str, Any]) -> Response:
    return act(service, request, **{name: one for name, one in wanted.items() if name != "all"})


def _described(operation: str, request: Any = None) -> Any:
    schema = extend_schema(
        operation_id=operation, request=request, responses=CountOut, tags=["rejected changes"]
    )
    return extend_schema_view(post=schema)


@_described("retry_rejected_change")
class RejectedRetry(SyncView):
    """Processes the document again, as if it had just changed."""

    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request, pk: int) -> Response:
        return of_one(rejected.retry, request, pk)


@_described("discard_rejected_change")
class RejectedDiscard(SyncView):
    """Discards the rejected change; the document is not changed on either side."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, pk: int) -> Response:
        return of_one(rejected.discard, request, pk)


@_described("retry_rejected_changes", RejectedSelection)
class RejectedRetryMany(SyncView):
    """Processes all documents again whose rejected changes match the filters."""

    takes = {"POST": RejectedSelection}
    refusals = {"POST": (409,)}

    @once_a_key
    def post(self, request: Request) -> Response:
        return of_many(rejected.retry, request, self.wanted)


@_described("discard_rejected_changes", RejectedSelection)
class RejectedDiscardMany(SyncView):
    """Discards all rejected changes that match the filters."""

    takes = {"POST": RejectedSelection}
    refusals = {"POST": (409,)}

    def post(self, request: Request) -> Response:
        return of_many(rejected.discard, request, self.wanted)
