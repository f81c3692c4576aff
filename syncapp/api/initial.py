"""The first run: `GET` shows what the two databases held, `POST` makes the operator's choice, once."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice, Text
from syncapp.api.common.once import once_a_key
from syncapp.api.common.views import SyncView
from syncapp.core.initial_choice import DIFFERING, LONGEST_FIELD, ONLY_ATLAS, ONLY_LOCAL
from syncapp.process.described import extend_schema_view
from syncapp.services import first_run
from syncapp.store.first_run import State


class CountsOut(serializers.Serializer):
    equal = serializers.IntegerField()
    different = serializers.IntegerField()
    onlyLocal = serializers.IntegerField()
    onlyAtlas = serializers.IntegerField()


class CollectionOut(CountsOut):
    collection = serializers.CharField()
    excluded = serializers.BooleanField(help_text="It is not pulled")


class ReportOut(serializers.Serializer):
    total = CountsOut()
    collections = CollectionOut(many=True)


class InitialIn(serializers.Serializer):
    differing = Choice(choices=DIFFERING, help_text="Who wins where both sides hold different versions")
    timestampField = Text(
        "the name of a field, or empty",
        required=False,
        default="",
        allow_blank=True,
        max_length=LONGEST_FIELD,
        help_text="With newest: the documents' timestamp field",
    )
    onlyAtlas = Choice(choices=ONLY_ATLAS)
    onlyLocal = Choice(choices=ONLY_LOCAL)


class ChoiceOut(InitialIn):
    """The choice that was made."""


class InitialOut(serializers.Serializer):
    state = serializers.ChoiceField(choices=[state.value for state in State])
    at = serializers.DateTimeField(allow_null=True)
    report = ReportOut(allow_null=True)
    choice = ChoiceOut(allow_null=True)


@extend_schema_view(
    get=extend_schema(responses=InitialOut, tags=["first run"]),
    post=extend_schema(request=InitialIn, responses=InitialOut, tags=["first run"]),
)
class Initial(SyncView):
    """The result of the first comparison of the two databases, and the choice of what to keep."""

    takes = {"POST": InitialIn}
    refusals = {"POST": (409,)}

    def get(self, request: Request) -> Response:
        return Response(first_run.as_document(first_run.show()))

    @once_a_key
    def post(self, request: Request) -> Response:
        given = self.wanted
        choice = first_run.choice_of(
            given["differing"], given["onlyAtlas"], given["onlyLocal"], given["timestampField"]
        )
        return Response(first_run.as_document(first_run.choose(choice, request.user)))
