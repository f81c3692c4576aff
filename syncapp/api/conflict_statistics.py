"""How many conflicts there were, when, where, and between whom."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.conflict_statistics import Span, statistics
from syncapp.api.common.fields import Choice, CollectionName
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view


class StatisticsQuery(serializers.Serializer):
    span = Choice(choices=[one.value for one in Span], required=False, help_text="day if not given")
    collection = CollectionName(required=False, help_text="Only of this collection")


class TallyOut(serializers.Serializer):
    total = serializers.IntegerField()
    localWins = serializers.IntegerField()
    atlasWins = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Those that needed manual resolution")


class BarOut(TallyOut):
    since = serializers.DateTimeField(help_text="Its beginning; bars are an hour, six hours or a day long")


class OfCollectionOut(TallyOut):
    collection = serializers.CharField()


class OfPairOut(TallyOut):
    localOrigin = serializers.CharField(allow_blank=True, help_text="The device that made the local version")
    atlasOrigin = serializers.CharField(allow_blank=True, help_text="The device, or atlas")


class StatisticsOut(TallyOut):
    span = serializers.ChoiceField(choices=[one.value for one in Span])
    bars = BarOut(many=True)
    collections = OfCollectionOut(many=True, help_text="The most frequent first, at most 20")
    pairs = OfPairOut(many=True, help_text="The most frequent first, at most 20")


@extend_schema_view(
    get=extend_schema(
        operation_id="conflict_statistics",
        parameters=[StatisticsQuery],
        responses=StatisticsOut,
        tags=["conflicts"],
    )
)
class ConflictStatistics(SyncView):
    """Conflicts of the last day, week or month by hour, collection and pair of devices: without those that one-way sync or an
    operator's answer decided on purpose."""

    asks = {"GET": StatisticsQuery}

    def get(self, request: Request) -> Response:
        span = Span(self.asked.get("span", Span.DAY))
        return Response(statistics(span, self.asked.get("collection", "")).as_document())
