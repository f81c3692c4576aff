"""Collection rules: set one, list them, say which one a collection gets, and exchange all of them as one file."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import CollectionName
from syncapp.api.common.patterns import MatchesOut, PatternGiven, PatternQuery, the_pattern
from syncapp.api.common.views import SyncView
from syncapp.api.exclusions import ExclusionIn
from syncapp.api.rule_parts import CollectionRuleBody, CollectionRuleIn, Part
from syncapp.api.validation import RuleIn, SchemaField
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.rule_words import words_of
from syncapp.models import CollectionRule as Row
from syncapp.models.choices import RuleKind
from syncapp.process.described import extend_schema_view
from syncapp.services.rules import collection_rules, rule_files
from syncapp.services.rules.patterns import matches
from syncapp.services.rules.rule_lookup import beside, look_up

TAGS = ["collection rules"]


class CollectionRuleOut(CollectionRuleBody):
    effects = serializers.ListField(child=serializers.CharField(), help_text="What it does, in a few words")
    createdAt = serializers.DateTimeField()
    changedAt = serializers.DateTimeField()


class RuleSetOut(CollectionRuleOut):
    matches = MatchesOut()


class BesideOut(serializers.Serializer):
    kind = serializers.CharField(help_text="excludedcollection, validationrule")
    pattern = serializers.CharField()
    effect = serializers.CharField()


class RulesOut(serializers.Serializer):
    count = serializers.IntegerField()
    results = CollectionRuleOut(
        many=True, help_text="In the order in which they are asked: the first match counts"
    )
    beside = BesideOut(many=True, help_text="Exclusions and validation rules: all that match apply")


class RuleForQuery(serializers.Serializer):
    collection = CollectionName()


class RuleForOut(serializers.Serializer):
    collection = serializers.CharField()
    rule = CollectionRuleBody(allow_null=True, help_text="null: none matches")
    because = serializers.CharField()
    later = serializers.ListField(
        child=serializers.CharField(), help_text="Patterns that match too, and do not count"
    )
    exclusions = serializers.ListField(child=serializers.CharField(), help_text="Those that match")
    validationRules = serializers.ListField(child=serializers.CharField(), help_text="Those that match")
    strategy = serializers.CharField()
    strategyFrom = serializers.ChoiceField(choices=("rule", "general"))
    halts = serializers.ListField(child=serializers.CharField())
    effects = serializers.ListField(child=serializers.CharField())


class PartChangeOut(serializers.Serializer):
    part = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class ChangeOut(serializers.Serializer):
    kind = serializers.ChoiceField(choices=RuleKind.values)
    pattern = serializers.CharField()
    what = serializers.ChoiceField(choices=("added", "changed", "removed", "unchanged"))
    parts = PartChangeOut(many=True)


class ImportedOut(serializers.Serializer):
    rules = ChangeOut(many=True)


@extend_schema_field({"type": "integer", "enum": [rule_files.FORMAT]})
class Format(Part):
    pass


@extend_schema_field(CollectionRuleIn(many=True))
class RuleList(Part):
    pass


@extend_schema_field(ExclusionIn(many=True))
class ExclusionList(Part):
    pass


@extend_schema_field(RuleIn(many=True))
class ValidationRuleList(Part):
    pass


class RuleFile(serializers.Serializer):
    """What is named is replaced, and what is not stays; one of the three at least is named."""

    least_properties = 2
    format = Format()
    rules = RuleList(required=False)
    exclusions = ExclusionList(required=False)
    validationRules = ValidationRuleList(required=False)


class ExportedExclusion(serializers.Serializer):
    pattern = serializers.CharField()


class ExportedValidationRule(ExportedExclusion):
    schema = SchemaField()


class RuleFileOut(serializers.Serializer):
    format = serializers.IntegerField()
    rules = CollectionRuleBody(many=True, help_text="In the order in which they are asked")
    exclusions = ExportedExclusion(many=True)
    validationRules = ExportedValidationRule(many=True)


def shown(row: Row) -> dict[str, Any]:
    rule = CollectionRule.of(row.document)
    times = {"createdAt": row.created_at, "changedAt": row.changed_at}
    return {**row.as_document(), "effects": words_of(rule), **times}


@extend_schema_view(
    get=extend_schema(responses=RulesOut, tags=TAGS),
    put=extend_schema(request=CollectionRuleIn, responses=RuleSetOut, tags=TAGS),
    delete=extend_schema(parameters=[PatternQuery], responses={204: None}, tags=TAGS),
)
class CollectionRules(SyncView):
    """One rule per pattern; parts that are not given get their defaults."""

    parser_classes = [JSONParser]
    takes = {"PUT": CollectionRuleIn, "DELETE": PatternGiven}
    asks = {"DELETE": PatternGiven}
    refusals = {"DELETE": (404,)}

    def get(self, request: Request) -> Response:
        rules = [shown(row) for row in collection_rules.rows()]
        return Response(RulesOut({"count": len(rules), "results": rules, "beside": beside()}).data)

    def put(self, request: Request) -> Response:
        row = collection_rules.set_rule(self.wanted, request.user)
        return Response(RuleSetOut({**shown(row), "matches": matches(row.pattern).as_document()}).data)

    def delete(self, request: Request) -> Response:
        collection_rules.delete_rule(the_pattern(self), request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(get=extend_schema(parameters=[RuleForQuery], responses=RuleForOut, tags=TAGS))
class RuleFor(SyncView):
    """Which rule a collection gets, and why; and what else applies to it."""

    asks = {"GET": RuleForQuery}

    def get(self, request: Request) -> Response:
        return Response(look_up(self.asked["collection"]).as_document())


@extend_schema_view(get=extend_schema(responses=RuleFileOut, tags=TAGS))
class RuleExport(SyncView):
    """All rules, exclusions and validation rules as one file for a fleet."""

    def get(self, request: Request) -> Response:
        return Response(rule_files.export_rules())


@extend_schema_view(post=extend_schema(request=RuleFile, responses=ImportedOut, tags=TAGS))
class RuleImport(SyncView):
    """Replaces what a file names by what it has: all of it, or, if anything in it is wrong, nothing."""

    parser_classes = [JSONParser]
    takes = {"POST": RuleFile}

    def post(self, request: Request) -> Response:
        found = rule_files.import_rules(self.wanted, request.user)
        return Response({"rules": [change.as_document() for change in found]})
