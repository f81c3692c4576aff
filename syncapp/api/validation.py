"""Validation rules: what documents of a collection must look like before sync writes them on either side."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Pattern
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.patterns import MatchesOut, PatternGiven, PatternQuery, the_pattern
from syncapp.api.common.views import SyncView
from syncapp.models import ValidationRule
from syncapp.process.described import extend_schema_view
from syncapp.services.rules.patterns import matches
from syncapp.services.rules.validation import remove_rule, set_rule


@extend_schema_field(OpenApiTypes.OBJECT)
class SchemaField(serializers.JSONField):
    """A schema as MongoDB's $jsonSchema has it."""


class RuleIn(serializers.Serializer):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")
    schema = SchemaField(help_text="As MongoDB's $jsonSchema has it")


class RuleOut(serializers.ModelSerializer):
    schema = SchemaField()
    createdAt = serializers.DateTimeField(source="created_at")
    changedAt = serializers.DateTimeField(source="changed_at")

    class Meta:
        model = ValidationRule
        fields: tuple[str, ...] = ("pattern", "schema", "createdAt", "changedAt")


class RuleSet(RuleOut):
    matches = MatchesOut(read_only=True)

    class Meta(RuleOut.Meta):
        fields = (*RuleOut.Meta.fields, "matches")


ORDERS = {"pattern": "pattern", "createdAt": "created_at", "changedAt": "changed_at"}


class RuleQuery(PageQuery):
    ordering = ordering(ORDERS)


class RuleList(Page):
    results = RuleOut(many=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="list_validation_rules",
        parameters=[RuleQuery],
        responses=RuleList,
        tags=["validation rules"],
    ),
    put=extend_schema(request={"application/json": RuleIn}, responses=RuleSet, tags=["validation rules"]),
    delete=extend_schema(
        parameters=[PatternQuery],
        responses={204: None},
        tags=["validation rules"],
    ),
)
class Validation(SyncView):
    """A rule applies to documents transferred after it was created; existing ones are not checked."""

    takes = {"PUT": RuleIn, "DELETE": PatternGiven}
    asks = {"GET": RuleQuery, "DELETE": PatternGiven}
    refusals = {"DELETE": (404,)}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, ValidationRule.objects.all(), RuleOut, ORDERS))

    def put(self, request: Request) -> Response:
        given: dict[str, Any] = self.wanted
        rule = set_rule(given["pattern"], given["schema"], request.user)
        return Response({**RuleOut(rule).data, "matches": matches(rule.pattern).as_document()})

    def delete(self, request: Request) -> Response:
        remove_rule(the_pattern(self), request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
