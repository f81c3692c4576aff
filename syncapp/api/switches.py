"""The toggle and the pause: `GET` shows the state, `POST` sets it and answers with the new one."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Boolean, Choice
from syncapp.api.common.views import SyncView
from syncapp.conf.settings import STRATEGIES
from syncapp.models import SyncSwitches
from syncapp.process.described import extend_schema_view
from syncapp.services import switches


class ToggleIn(serializers.Serializer):
    enabled = Boolean(help_text="true: both directions. false: only local → Atlas")


class PauseIn(serializers.Serializer):
    paused = Boolean(help_text="true: nothing is transferred in either direction")


class StrategyIn(serializers.Serializer):
    strategy = Choice(choices=STRATEGIES, help_text="Who wins when a document was changed on both sides")


class SwitchesOut(serializers.ModelSerializer):
    changedAt = serializers.DateTimeField(source="changed_at", allow_null=True)

    class Meta:
        model = SyncSwitches
        fields = ("enabled", "paused", "strategy", "version", "changedAt")


class SwitchesView(SyncView):
    """The common part of toggle and pause; they differ in their input."""

    def get(self, request: Request) -> Response:
        return Response(SwitchesOut(switches.show()).data)

    def post(self, request: Request) -> Response:
        return Response(SwitchesOut(switches.change_switches(request.user, **self.wanted)).data)


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
    """Pauses or resumes both directions."""

    takes = {"POST": PauseIn}


@extend_schema_view(
    get=extend_schema(responses=SwitchesOut, tags=["switches"]),
    post=extend_schema(request=StrategyIn, responses=SwitchesOut, tags=["switches"]),
)
class Strategy(SwitchesView):
    """The strategy of conflicts that are found from now on."""

    takes = {"POST": StrategyIn}
