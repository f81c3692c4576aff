"""What changed rules will do, and which documents a validation refuses: looked up now, by reading alone."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Number, Pattern
from syncapp.api.common.patterns import OldPattern
from syncapp.api.common.views import SyncView
from syncapp.api.rule_parts import CollectionRuleIn, Part, part
from syncapp.api.rules import TAGS, ChangeOut, PartChangeOut, RuleFile
from syncapp.compare.rule_fate import Fate
from syncapp.process.described import extend_schema_view
from syncapp.services.errors import WrongInput
from syncapp.services.masked import Masks
from syncapp.services.rules import rule_preview, validation_check

MOST_SECONDS = 30


def seconds() -> Number:
    allowed = f"a number from 0.001 to {MOST_SECONDS}"
    return Number(
        allowed,
        required=False,
        min_value=0.001,
        max_value=MOST_SECONDS,
        help_text="How long documents are read; without it 5",
    )


@extend_schema_field(CollectionRuleIn)
class OneRule(Part):
    pass


@extend_schema_field(RuleFile)
class OneFile(Part):
    pass


class PreviewIn(serializers.Serializer):
    """Exactly one of rule, delete and file."""

    least_properties = 1
    rule = OneRule(required=False, help_text="That would be set")
    delete = OldPattern(required=False, help_text="The pattern of a rule that would be removed")
    file = OneFile(required=False, help_text="That would be imported")
    seconds = seconds()


class SidesOut(serializers.Serializer):
    local = serializers.IntegerField(allow_null=True, help_text="null: it takes too long to count")
    atlas = serializers.IntegerField(allow_null=True)


FatesOut: Any = type(
    "FatesOut", (serializers.Serializer,), {fate.value: serializers.IntegerField() for fate in Fate}
)


class EffectOut(serializers.Serializer):
    collection = serializers.CharField()
    parts = PartChangeOut(many=True, help_text="Of its rule, that change")
    moves = serializers.BooleanField(help_text="May documents move? Otherwise none was read")
    whole = serializers.BooleanField(help_text="Were all documents read? Otherwise it is a sample")
    read = SidesOut()
    compared = serializers.IntegerField()
    matching = SidesOut(help_text="Documents that match the filter; without one about how many there are")
    documents = FatesOut(help_text="What becomes of those that were read")
    refused = SidesOut(help_text="By the rule's validation")
    effects = serializers.ListField(child=serializers.CharField(), help_text="The same in sentences")


class PreviewOut(serializers.Serializer):
    rules = ChangeOut(many=True)
    collections = EffectOut(many=True)
    collectionsLeft = serializers.IntegerField(help_text="That were not looked at")
    whole = serializers.BooleanField()
    documents = FatesOut()
    remarks = serializers.ListField(child=serializers.CharField())


@extend_schema_view(post=extend_schema(request=PreviewIn, responses=PreviewOut, tags=TAGS))
class RulePreview(SyncView):
    """Changes nothing."""

    parser_classes = [JSONParser]
    takes = {"POST": PreviewIn}
    refusals = {"POST": (404, 409)}

    def post(self, request: Request) -> Response:
        wanted = dict(self.wanted)
        limit = wanted.pop("seconds", rule_preview.SECONDS)
        if len(wanted) != 1:
            raise WrongInput("Give exactly one of rule, delete and file")
        ((what, given),) = wanted.items()
        preview = {
            "rule": rule_preview.preview_rule,
            "delete": rule_preview.preview_delete,
            "file": rule_preview.preview_import,
        }[what]
        return Response(preview(given, limit).as_document())


class CheckIn(serializers.Serializer):
    pattern = Pattern(help_text="Of collections")
    schema = part(
        {"type": "object", "additionalProperties": True}, "Instead of what applies to the collections"
    )
    seconds = seconds()


class RefusedSampleOut(serializers.Serializer):
    id = serializers.CharField(help_text="Canonical extended JSON; empty: too long")
    reason = serializers.CharField()


class CheckedSideOut(serializers.Serializer):
    read = serializers.IntegerField()
    refused = serializers.IntegerField()
    samples = RefusedSampleOut(many=True)


class CheckedCollectionOut(serializers.Serializer):
    collection = serializers.CharField()
    whole = serializers.BooleanField(help_text="Were all documents read?")
    local = CheckedSideOut()
    atlas = CheckedSideOut()


class CheckedOut(serializers.Serializer):
    whole = serializers.BooleanField()
    collectionsLeft = serializers.IntegerField()
    collections = CheckedCollectionOut(
        many=True, help_text="Those to which validation rules or the validation of a collection rule apply"
    )


@extend_schema_view(post=extend_schema(request=CheckIn, responses=CheckedOut, tags=TAGS))
class RuleCheck(SyncView):
    """Which documents that are there would be refused. Changes nothing."""

    parser_classes = [JSONParser]
    takes = {"POST": CheckIn}

    def post(self, request: Request) -> Response:
        found = validation_check.check_now(
            self.wanted["pattern"],
            self.wanted.get("schema", validation_check.MISSING),
            self.wanted.get("seconds", validation_check.SECONDS),
            Masks(request.user),
        )
        return Response(found.as_document())
