"""Halts: `GET` lists halted transfers that wait for an operator, `POST` answers one, once."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Name, Text
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.services import halts
from syncapp.store.halts import Kind


class HaltOut(serializers.Serializer):
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    side = serializers.CharField(allow_null=True, help_text="Whose changes are halted; null: all transfers")
    collection = serializers.CharField(help_text="Empty: all collections")
    at = serializers.DateTimeField()
    detail = serializers.CharField()
    preview = serializers.DictField(
        help_text="What it is about: numbers, and in `samples` up to five `_id`s in canonical extended JSON. "
        "`samplesBson` is there if extended JSON cannot hold one of them (a string that is not UTF-8, a field twice): beside "
        "each BSON of {_id: …} in base64, or nothing"
    )
    answers = serializers.DictField(
        child=serializers.CharField(), help_text="Each possible answer and its effect"
    )
    answer = serializers.CharField(allow_null=True, help_text="The given answer, which is being carried out")


ORDERS = {name: name for name in ("at", "kind", "collection")}


class HaltQuery(PageQuery):
    ordering = ordering(ORDERS)


class HaltList(Page):
    results = HaltOut(many=True)


class AnswerIn(serializers.Serializer):
    id = Name(allowed="the id of a halt, as GET halts lists them")
    answer = Text(allowed="one of the halt's answers, as GET halts lists them")


@extend_schema_view(
    get=extend_schema(operation_id="list_halts", parameters=[HaltQuery], responses=HaltList, tags=["halts"])
)
class Halts(SyncView):
    """Halted transfers, and the possible answers."""

    asks = {"GET": HaltQuery}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, [halt.as_document() for halt in halts.show()], HaltOut, ORDERS))


@extend_schema_view(post=extend_schema(request=AnswerIn, responses=HaltOut, tags=["halts"]))
class HaltAnswer(SyncView):
    """Answers a halt; the listener carries the answer out and resumes transfers."""

    takes = {"POST": AnswerIn}
    refusals = {"POST": (404, 409)}

    def post(self, request: Request) -> Response:
        given = self.wanted
        return Response(halts.answer(given["id"], given["answer"], request.user).as_document())
