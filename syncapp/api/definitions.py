"""Differences in indexes, validators and options of collections."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import CollectionName
from syncapp.api.common.views import SyncView
from syncapp.compare.definitions import What
from syncapp.core.values import Side
from syncapp.process.described import extend_schema_view
from syncapp.services import definitions


class DefinitionQuery(serializers.Serializer):
    collection = CollectionName(required=False, help_text="Only of this collection")


class DefinitionDifferenceOut(serializers.Serializer):
    collection = serializers.CharField()
    what = serializers.ChoiceField(choices=[what.value for what in What])
    name = serializers.CharField(allow_blank=True, help_text="Of the index or option; empty for a validator")
    missingOn = serializers.ChoiceField(
        choices=[side.value for side in Side],
        allow_null=True,
        help_text="null: both sides have it, and it differs",
    )
    expires = serializers.BooleanField(help_text="A TTL index, which is only copied with --ttl")
    text = serializers.CharField(help_text="The difference in one line")


class DefinitionsOut(serializers.Serializer):
    equal = serializers.BooleanField()
    differences = DefinitionDifferenceOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="compare_definitions",
        parameters=[DefinitionQuery],
        responses=DefinitionsOut,
        tags=["runs"],
    )
)
class Definitions(SyncView):
    """Compares indexes, validators and options of collections, now. `manage.py sync_verify --indexes --repair` copies what one
    side lacks."""

    asks = {"GET": DefinitionQuery}

    def get(self, request: Request) -> Response:
        name = self.asked.get("collection")
        found = definitions.compare([name] if name else [])
        return Response({"equal": not found, "differences": [one.as_document() for one in found]})
