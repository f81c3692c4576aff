"""Comparison runs: start, list, one, pause, resume, cancel."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.fields import Boolean, Choice, CollectionName, Moment, Named
from syncapp.api.common.once import once_a_key
from syncapp.api.common.paging import Page, PageQuery, ordering, page_of
from syncapp.api.common.views import SyncView
from syncapp.models import ComparisonRun
from syncapp.process.described import extend_schema_view
from syncapp.services import runs
from syncapp.services.reasons import Code, with_reasons
from syncapp.store.run import Kind


class Names(Named, serializers.ListField):
    allowed = runs.COLLECTIONS
    child = CollectionName()


class ResyncIn(serializers.Serializer):
    collections = Names(
        required=False, default=list, max_length=runs.MOST_COLLECTIONS, help_text="Empty or missing: all"
    )


class VerifyIn(ResyncIn):
    repair = Boolean(required=False, default=False, help_text="true: send differences to the listener")


class RunFilter(serializers.Serializer):
    kind = Choice(choices=ComparisonRun.Kind.values, required=False)
    state = Choice(choices=ComparisonRun.State.values, required=False)
    since = Moment(required=False, help_text="Started since then")
    until = Moment(required=False)


LOOKUPS = {"kind": "kind", "state": "state", "since": "started_at__gte", "until": "started_at__lte"}

ORDERS = {
    "startedAt": "started_at", "endedAt": "ended_at", "kind": "kind", "state": "state", "documents": "documents",
}  # fmt: skip


class RunQuery(RunFilter, PageQuery):
    ordering = ordering(ORDERS)


class DifferenceReasonOut(serializers.Serializer):
    code = serializers.ChoiceField(choices=[code.value for code in Code])
    text = serializers.CharField()


class SampleOut(serializers.Serializer):
    collection = serializers.CharField()
    id = serializers.CharField(help_text="Canonical extended JSON")
    bson = serializers.CharField(
        required=False,
        help_text="BSON of {_id: …} in base64, where extended JSON cannot hold the _id: a string that is not UTF-8, "
        "a field twice",
    )
    what = serializers.ChoiceField(choices=["different", "onlyLocal", "onlyAtlas"])
    reason = DifferenceReasonOut(required=False, help_text="Why it differs; in the answer for one run")


class ByCollectionOut(serializers.Serializer):
    collection = serializers.CharField()
    over = serializers.BooleanField(help_text="All of it is compared, and differences for a second time")
    documents = serializers.IntegerField()
    equal = serializers.IntegerField()
    different = serializers.IntegerField()
    onlyLocal = serializers.IntegerField()
    onlyAtlas = serializers.IntegerField()
    asAgreed = serializers.IntegerField(help_text="Intentional differences")
    inSyncAsOf = serializers.DateTimeField(
        allow_null=True,
        help_text="Every change made before this time has arrived at the other side, unless the difference is "
        "intentional; null: not known yet, or there are differences",
    )


class RunOut(serializers.ModelSerializer):
    id = serializers.CharField(source="run_id")
    kind = serializers.CharField(help_text=", ".join(ComparisonRun.Kind.values))
    onlyLocal = serializers.IntegerField(source="only_local")
    onlyAtlas = serializers.IntegerField(source="only_atlas")
    asAgreed = serializers.IntegerField(
        source="as_agreed", help_text="Intentional differences (agreed, or due to the rules)"
    )
    expected = serializers.IntegerField(help_text="About how many documents there are")
    rate = serializers.FloatField(
        allow_null=True,
        help_text="Documents a second: lately, or of the whole run when it has ended; null: not known",
    )
    secondsLeft = serializers.FloatField(
        source="seconds_left",
        allow_null=True,
        help_text="By the estimated number of documents; null: it cannot be told",
    )
    byCollection = ByCollectionOut(source="by_collection", many=True, help_text="Those that were begun")
    marked = serializers.IntegerField(help_text="Documents sent to the listener")
    samples = SampleOut(many=True)
    startedAt = serializers.DateTimeField(source="started_at")
    updatedAt = serializers.DateTimeField(source="updated_at", allow_null=True)
    pausedAt = serializers.DateTimeField(source="paused_at", allow_null=True)
    endedAt = serializers.DateTimeField(source="ended_at", allow_null=True)

    class Meta:
        model = ComparisonRun
        fields = (
            "id", "kind", "why", "state", "collections", "collection", "expected", "documents", "equal",
            "different", "onlyLocal", "onlyAtlas", "marked", "asAgreed", "rate", "secondsLeft", "byCollection",
            "samples", "error", "startedAt", "updatedAt", "pausedAt", "endedAt",
        )  # fmt: skip


class RunPage(Page):
    results = RunOut(many=True)


@extend_schema_view(
    get=extend_schema(operation_id="list_runs", parameters=[RunQuery], responses=RunPage, tags=["runs"])
)
class Runs(SyncView):
    """Comparisons of both sides, newest first."""

    asks = {"GET": RunQuery}

    def get(self, request: Request) -> Response:
        filters = {LOOKUPS[name]: value for name, value in self.asked.items() if name in LOOKUPS}
        return Response(page_of(self, ComparisonRun.objects.filter(**filters), RunOut, ORDERS))


@extend_schema_view(get=extend_schema(operation_id="show_run", responses=RunOut, tags=["runs"]))
class RunOne(SyncView):
    """One comparison with its progress and results. At most about a second old."""

    def get(self, request: Request, run_id: str) -> Response:
        run = get_object_or_404(ComparisonRun, run_id=run_id)
        return Response({**RunOut(run).data, "samples": with_reasons(run.samples)})


class _Start(SyncView):
    """The common part of resync and verify; they differ in their input."""

    def kind(self, wanted: dict[str, Any]) -> Kind:
        raise NotImplementedError

    @once_a_key
    def post(self, request: Request) -> Response:
        wanted = self.wanted
        run = runs.start(self.kind(wanted), wanted["collections"], request.user)
        return Response(runs.as_document(run), status=status.HTTP_202_ACCEPTED)


@extend_schema_view(post=extend_schema(request=ResyncIn, responses={202: RunOut}, tags=["runs"]))
class Resync(_Start):
    """Compares both sides; what differs from what was agreed is processed like any change. The listener starts it."""

    takes = {"POST": ResyncIn}

    def kind(self, wanted: dict[str, Any]) -> Kind:
        return Kind.RESYNC


@extend_schema_view(post=extend_schema(request=VerifyIn, responses={202: RunOut}, tags=["runs"]))
class Verify(_Start):
    """Compares both sides and counts differences; with `repair` they are processed like any change."""

    takes = {"POST": VerifyIn}

    def kind(self, wanted: dict[str, Any]) -> Kind:
        return Kind.REPAIR if wanted["repair"] else Kind.VERIFY


@extend_schema_view(post=extend_schema(request=None, responses=RunOut, tags=["runs"]))
class RunCancel(SyncView):
    """Stops a run. One that convergence depends on (after a lost token, say) cannot be cancelled."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, run_id: str) -> Response:
        return Response(runs.as_document(runs.cancel(run_id, request.user)))


@extend_schema_view(post=extend_schema(request=None, responses=RunOut, tags=["runs"]))
class RunPause(SyncView):
    """Nobody works on the run until it is resumed, whatever is restarted meanwhile. Its progress is kept."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, run_id: str) -> Response:
        return Response(runs.as_document(runs.pause(run_id, request.user)))


@extend_schema_view(post=extend_schema(request=None, responses=RunOut, tags=["runs"]))
class RunResume(SyncView):
    """A paused run continues where it was."""

    refusals = {"POST": (409,)}

    def post(self, request: Request, run_id: str) -> Response:
        return Response(runs.as_document(runs.resume(run_id, request.user)))
