"""The self-test: `POST` starts it, `GET` shows the one that runs, or the last one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Choice, Named, Whole
from syncapp.api.common.once import once_a_key
from syncapp.api.common.views import SyncView
from syncapp.process.described import extend_schema_view
from syncapp.selftest.part import all_parts, chosen
from syncapp.services import selftest
from syncapp.services.selftest import HIGHEST_RATE, LONGEST_SECONDS

NAMES = [part.name for part in all_parts()]
STATES = ("none", "waiting", "running", "done", "interrupted")


class PartNames(Named, serializers.ListField):
    allowed = f"a list of {', '.join(NAMES)}"
    child = Choice(choices=NAMES)


class SelftestIn(serializers.Serializer):
    parts = PartNames(
        required=False, default=list, max_length=len(NAMES), help_text="Empty or missing: all but load"
    )
    seconds = Whole(
        f"1 to {LONGEST_SECONDS}", required=False, min_value=1, max_value=LONGEST_SECONDS,
        help_text="Of performance (missing: 10) and load (60)",
    )  # fmt: skip
    rate = Whole(
        f"1 to {HIGHEST_RATE}", required=False, min_value=1, max_value=HIGHEST_RATE,
        help_text="Writes a second of performance and load; at most a share of what the servers can do",
    )  # fmt: skip


class SelftestLineOut(serializers.Serializer):
    ok = serializers.BooleanField()
    text = serializers.CharField()


class SelftestPartOut(serializers.Serializer):
    name = serializers.ChoiceField(choices=NAMES)
    ok = serializers.BooleanField()
    figures = serializers.DictField(help_text="Numbers by name; the unit is the end of the name")
    lines = SelftestLineOut(many=True)


class SelftestOut(serializers.Serializer):
    state = serializers.ChoiceField(choices=STATES)
    id = serializers.CharField(allow_null=True)
    wanted = serializers.ListField(child=serializers.CharField(), help_text="The parts, in their order")
    by = serializers.CharField(help_text="Who started it")
    startedAt = serializers.DateTimeField(allow_null=True)
    endedAt = serializers.DateTimeField(allow_null=True)
    current = serializers.CharField(allow_null=True, help_text="The part that is tested now")
    ok = serializers.BooleanField(allow_null=True, help_text="null: it is not done")
    parts = SelftestPartOut(many=True)


@extend_schema_view(
    get=extend_schema(responses=SelftestOut, tags=["health"]),
    post=extend_schema(request=SelftestIn, responses={202: SelftestOut}, tags=["health"]),
)
class SelftestView(SyncView):
    """Checks live that sync works, in scratch collections that are gone afterwards. One at a time."""

    takes = {"POST": SelftestIn}
    refusals = {"POST": (409,)}

    def get(self, request: Request) -> Response:
        return Response(selftest.as_document(selftest.show()))

    @once_a_key
    def post(self, request: Request) -> Response:
        given: dict[str, Any] = self.wanted
        names = [part.name for part in chosen(given["parts"])]
        found = selftest.start(names, given.get("seconds"), given.get("rate"), request.user)
        return Response(selftest.as_document(found), status=status.HTTP_202_ACCEPTED)
