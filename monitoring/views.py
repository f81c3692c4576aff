"""`/monitoring/dashboard`: JSON for scripts, a live page for a browser; and the page's data."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.dashboard import history_figures, live_figures, page_context, script_figures
from monitoring.health.assess import Status
from monitoring.history import SPANS
from syncapp.process.described import extend_schema_view
from syncapp.services.errors import wrong_value

TEMPLATE = "monitoring/dashboard.html"


class DashboardOut(serializers.Serializer):
    timestamp = serializers.DateTimeField()
    health = serializers.ChoiceField(choices=[str(status) for status in Status])
    syncLag = serializers.IntegerField(
        allow_null=True,
        help_text="ms; age of the oldest change that may not have arrived; null: no listener has reported yet",
    )
    conflictRate = serializers.IntegerField(help_text="Conflicts in the last hour")
    errorRate = serializers.FloatField(
        help_text="Percentage of the last hour's changes that were rejected, in the direction where it is larger"
    )
    queueSize = serializers.IntegerField()
    halts = serializers.IntegerField(help_text="Unanswered halts")


@extend_schema_view(get=extend_schema(responses=DashboardOut, tags=["figures"]))
class DashboardFigures(APIView):
    def get(self, request: Request) -> Response:
        """The most important figures, for scripts. A browser gets the live page here."""
        return Response(script_figures())


class Live(APIView):
    """All data of the live page, polled every two seconds; with `span` the last points of that history."""

    schema = None  # no part of the API

    def get(self, request: Request) -> Response:
        span = _span(request) if "span" in request.query_params else ""
        return Response(live_figures(request.user, span))


class History(APIView):
    """A whole `span` for the charts: hour, day or week. Asked for once, and when another one is chosen."""

    schema = None

    def get(self, request: Request) -> Response:
        return Response(history_figures(_span(request), request.user))


def _span(request: Request) -> str:
    span = request.query_params.get("span", "hour")
    if span not in SPANS:
        raise wrong_value("span", span, ", ".join(SPANS))
    return str(span)


def _page(request: HttpRequest) -> HttpResponse:
    return render(request, TEMPLATE, page_context(request, admin.site.each_context(request)))


_figures = DashboardFigures.as_view()


@csrf_exempt  # nothing can be changed here: other methods are answered 405
def dashboard(request: HttpRequest) -> HttpResponse:
    """A client that accepts HTML explicitly is a browser; `*/*` is a script. The page is for staff, like the admin."""
    looks = request.method in ("GET", "HEAD")
    page = looks and request.get_preferred_type(["application/json", "text/html"]) == "text/html"
    answer = admin.site.admin_view(_page) if page else _figures
    response = answer(request)
    response["Vary"] = "Accept, Cookie, Authorization"
    return response


# So that the API's schema knows the figures at this address
dashboard.cls = DashboardFigures  # type: ignore[attr-defined]
dashboard.initkwargs = {}  # type: ignore[attr-defined]
