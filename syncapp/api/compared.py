"""Up to which time each collection is in sync."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import CollectionName
from syncapp.api.common.paging import Page, PageQuery, filters_of, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import ComparedCollection
from syncapp.process.described import extend_schema_view


class ComparedOut(serializers.ModelSerializer):
    inSyncAsOf = serializers.DateTimeField(
        source="as_of",
        allow_null=True,
        help_text="Every change made before this time had arrived at the other side, when it was compared last without "
        "differences; null: never",
    )
    differing = serializers.IntegerField(
        help_text="Documents, at the last comparison, which it did not repair"
    )
    documents = serializers.IntegerField(help_text="That the last comparison compared")
    comparedAt = serializers.DateTimeField(source="compared_at")
    run = serializers.CharField(source="run_id", help_text="The last comparison run; it is kept for 30 days")

    class Meta:
        model = ComparedCollection
        fields = ("collection", "inSyncAsOf", "differing", "documents", "comparedAt", "run")


ORDERS = {
    "collection": "collection",
    "inSyncAsOf": "as_of",
    "differing": "differing",
    "comparedAt": "compared_at",
}


class ComparedQuery(PageQuery):
    collection = CollectionName(required=False)
    ordering = ordering(ORDERS)


class ComparedPage(Page):
    results = ComparedOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_compared", parameters=[ComparedQuery], responses=ComparedPage, tags=["runs"]
    )
)
class Compared(SyncView):
    """What comparisons last found of each collection: those that differ first, then the longest not compared."""

    asks = {"GET": ComparedQuery}

    def get(self, request: Request) -> Response:
        found = ComparedCollection.objects.filter(**filters_of(self))
        return Response(page_of(self, found, ComparedOut, ORDERS))
