"""Why a document is as it is."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import CollectionName, Text
from syncapp.api.common.views import SyncView
from syncapp.core.decide import Decision
from syncapp.core.text.extended_json import LONGEST_TEXT, NoId
from syncapp.core.text.typed_ids import typed_id
from syncapp.listener.queue.whereabouts import Place
from syncapp.models.choices import SideChoices
from syncapp.process.described import extend_schema_view
from syncapp.services.errors import WrongInput
from syncapp.services.explain import explain


class ExplainQuery(serializers.Serializer):
    collection = CollectionName()
    id = Text(
        f"an _id, at most {LONGEST_TEXT} characters",
        max_length=LONGEST_TEXT,
        help_text="The _id, as mongosh shows it or in extended JSON: A-1001, 42, ObjectId('…')",
    )


class ExplainedReasonOut(serializers.Serializer):
    code = serializers.CharField()
    text = serializers.CharField()


class VersionOut(serializers.Serializer):
    present = serializers.BooleanField()
    bytes = serializers.IntegerField()
    hash = serializers.CharField(allow_null=True, help_text="Equal for equal contents; null: absent")


class AgreedOut(serializers.Serializer):
    local = serializers.CharField(allow_null=True)
    atlas = serializers.CharField(allow_null=True)


class OpenPushOut(serializers.Serializer):
    at = serializers.DateTimeField()
    applied = serializers.BooleanField()


class HolderOut(serializers.Serializer):
    side = serializers.ChoiceField(choices=SideChoices.choices, help_text="Where it holds the value")
    documentId = serializers.CharField(help_text="In canonical extended JSON")
    neededBy = serializers.CharField(help_text="The document that needs the value")
    index = serializers.CharField()
    givesUp = serializers.BooleanField(help_text="By a change of its own that is to come there, too")


class PositionsOut(serializers.Serializer):
    local = serializers.DateTimeField(allow_null=True)
    atlas = serializers.DateTimeField(allow_null=True)


class QueueOut(serializers.Serializer):
    place = serializers.ChoiceField(
        choices=list(map(str, Place)), allow_null=True, help_text="null: not known; `text` says why"
    )
    text = serializers.CharField(help_text="Where it is in the listener's queue, and what it waits for there")
    attempts = serializers.IntegerField(help_text="Failed ones")
    nextInMs = serializers.IntegerField(allow_null=True, help_text="Until it is tried again")
    readTo = PositionsOut(help_text="How far the listener has read the streams")
    waitsFor = PositionsOut(help_text="What it must have read before")


class EventOut(serializers.Serializer):
    at = serializers.DateTimeField()
    what = serializers.ChoiceField(
        choices=["pushed", "conflict", "resolved", "restored", "rejected", "queued"]
    )
    text = serializers.CharField()


class ExplanationOut(serializers.Serializer):
    collection = serializers.CharField()
    documentId = serializers.CharField(help_text="In canonical extended JSON")
    device = serializers.CharField()
    equal = serializers.BooleanField()
    state = serializers.CharField(help_text="What has changed, in one sentence")
    next = serializers.CharField(help_text="What sync does about it, in one sentence")
    decision = serializers.ChoiceField(choices=[one.value for one in Decision])
    reason = ExplainedReasonOut(allow_null=True, help_text="Why the sides differ")
    rule = serializers.CharField(allow_null=True, help_text="The pattern of the collection's rule")
    local = VersionOut()
    atlas = VersionOut()
    agreed = AgreedOut(allow_null=True, help_text="Hashes of what both sides were last agreed on")
    decisions = serializers.IntegerField()
    holders = HolderOut(many=True, help_text="Documents whose values of unique indexes it needs")
    queue = QueueOut()
    openPush = OpenPushOut(allow_null=True, help_text="A push whose outcome is not recorded")
    history = EventOut(many=True)
    historyIncomplete = serializers.CharField(allow_blank=True)


@extend_schema_view(
    get=extend_schema(
        operation_id="explain_document",
        parameters=[ExplainQuery],
        responses=ExplanationOut,
        tags=["conflicts"],
    )
)
class Explain(SyncView):
    """Whether both sides of a document are equal, what sync would do next, where it is in the listener's queue, and its
    history. Nothing is written on either side."""

    asks = {"GET": ExplainQuery}
    refusals = {"GET": (409,)}

    def get(self, request: Request) -> Response:
        try:
            id_bson = typed_id(self.asked["id"])
        except NoId as error:
            raise WrongInput(str(error), "id") from None
        return Response(explain(self.asked["collection"], id_bson).as_document())
