"""The toggle and the pause: `GET` shows the state, `POST` sets it and answers with the new one."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.fields import Boolean
from syncapp.api.views import SyncView
from syncapp.models import SyncSwitches
from syncapp.rules.switches import change_switches


class ToggleIn(serializers.Serializer):
    enabled = Boolean(help_text="true: both directions. false: only local → Atlas")


class PauseIn(serializers.Serializer):
    paused = Boolean(help_text="true: nothing moves in either direction")


class SwitchesOut(serializers.ModelSerializer):
    changedAt = serializers.DateTimeField(source="changed_at", allow_null=True)

    class Meta:
        model = SyncSwitches
        fields = ("enabled", "paused", "strategy", "version", "changedAt")


class SwitchesView(SyncView):
    """What the toggle and the pause share; the two differ in what they take."""

    def get(self, request: Request) -> Response:
        switches = SyncSwitches.objects.filter(id=1).first() or SyncSwitches(id=1)
        return Response(SwitchesOut(switches).data)

    def post(self, request: Request) -> Response:
        return Response(SwitchesOut(change_switches(request.user, **self.wanted)).data)


@extend_schema_view(
    get=extend_schema(responses=SwitchesOut, tags=["switches"]),
    post=extend_schema(request=ToggleIn, responses=SwitchesOut, tags=["switches"]),
)
class Toggle(SwitchesView):
    """Two-way sync on or off. Off: one-way sync from local to Atlas; nothing is lost meanwhile."""

    takes = {"POST": ToggleIn}


@extend_schema_view(
    get=extend_schema(responses=SwitchesOut, tags=["switches"]),
    post=extend_schema(request=PauseIn, responses=SwitchesOut, tags=["switches"]),
)
class Pause(SwitchesView):
    """Stops both directions, or lets them go on."""

    takes = {"POST": PauseIn}
