"""`GET /api/sync/bidirectional/doctor`: what `sync_doctor` finds."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.views import SyncView
from syncapp.conf.settings import get_settings
from syncapp.doctor.examine import as_document, examine
from syncapp.doctor.values import Level
from syncapp.process.described import extend_schema_view


class FindingOut(serializers.Serializer):
    check = serializers.CharField(help_text="Which check found it, for instance clocks")
    level = serializers.ChoiceField(choices=[level.value for level in Level])
    text = serializers.CharField()
    todo = serializers.CharField(help_text="How to fix it; empty: nothing to do")


class DoctorOut(serializers.Serializer):
    status = serializers.ChoiceField(choices=["ok", "warning", "failed"])
    findings = FindingOut(many=True)


@extend_schema_view(get=extend_schema(responses=DoctorOut, tags=["health"]))
class Doctor(SyncView):
    """Are all prerequisites met, and how to fix what is not. Takes seconds, more if a server is down."""

    permission_classes = [
        IsAuthenticated
    ]  # also with SYNC_API_PUBLIC_READ: it writes to a scratch collection

    def get(self, request: Request) -> Response:
        return Response(as_document(list(examine(get_settings()))))
