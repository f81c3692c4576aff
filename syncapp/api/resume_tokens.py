"""Resume tokens (a mirror of those beside the local data), and clearing them, which forces a comparison."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.core.values import BOTH, Side
from syncapp.models import ResumeToken
from syncapp.process.described import extend_schema_view
from syncapp.services import tokens


class TokenOut(serializers.ModelSerializer):
    instanceId = serializers.CharField(source="instance_id")
    clusterTime = serializers.CharField(source="cluster_time")
    savedAt = serializers.DateTimeField(source="saved_at")

    class Meta:
        model = ResumeToken
        fields = ("instanceId", "side", "token", "clusterTime", "savedAt")


ORDERS = {"side": "side", "savedAt": "saved_at", "instanceId": "instance_id"}


class ResumeTokenQuery(PageQuery):
    ordering = ordering(ORDERS)


class TokenList(Page):
    results = TokenOut(many=True)


class SideQuery(serializers.Serializer):
    side = Choice(choices=[side.value for side in BOTH], required=False)


class ClearedOut(serializers.Serializer):
    cleared = serializers.ListField(child=serializers.CharField(), help_text="The sides that had a token")


@extend_schema_view(
    get=extend_schema(
        operation_id="list_resume_tokens",
        parameters=[ResumeTokenQuery],
        responses=TokenList,
        tags=["records"],
    ),
    delete=extend_schema(
        parameters=[SideQuery],
        responses={200: ClearedOut},
        tags=["records"],
    ),
)
class ResumeTokens(SyncView):
    """Where each change stream resumes after a restart. `DELETE` deletes it (for one `side`, or for both): the
    listener compares both sides, at once or at its next start."""

    asks = {"GET": ResumeTokenQuery, "DELETE": SideQuery}

    def get(self, request: Request) -> Response:
        return Response(page_of(self, ResumeToken.objects.order_by("instance_id", "side"), TokenOut, ORDERS))

    def delete(self, request: Request) -> Response:
        side = self.asked.get("side")
        cleared = tokens.clear([Side(side)] if side else BOTH, request.user)
        return Response({"cleared": [one.value for one in cleared]})
