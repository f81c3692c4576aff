"""The page of conflict statistics: a plot by time, and tables by collection and by pair of devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitoring.conflict_statistics import Span, Statistics, statistics
from syncapp.core.values import ATLAS_ORIGIN
from syncapp.models import Conflict, Instance
from syncapp.services.access.roles import may_see

NAME = "syncapp_conflict_statistics"
HEIGHT, BAR, GAP = 120, 16, 4  # of the plot, in units of its own


def page(request: HttpRequest) -> HttpResponse:
    """`?span=day`, `week` or `month`, and `&collection=`."""
    if not may_see(request.user, "syncapp.conflict"):
        raise PermissionDenied
    wanted, collection = request.GET.get("span", ""), request.GET.get("collection", "")
    span = Span(wanted) if wanted in set(Span) else Span.DAY
    found = statistics(span, collection)
    own = set(Instance.objects.values_list("instance_id", flat=True))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Conflict statistics",
        "opts": Conflict._meta,
        "found": found,
        "collection": collection,
        "spans": [one.value for one in Span],
        "bars": list(_bars(found)),
        "width": span.bars * (BAR + GAP),
        "height": HEIGHT,
        "bar": BAR,
        "highest": max(tally.total for _, tally in found.bars),
        "pairs": [(_named(local, own), _named(atlas, own), tally) for (local, atlas), tally in found.pairs],
    }
    return render(request, "syncapp/conflict_statistics.html", context)


def _bars(found: Statistics) -> Iterator[dict[str, Any]]:
    """One above the other: local won, Atlas won, needed a person."""
    scale = HEIGHT / max(1, *(tally.total for _, tally in found.bars))
    for place, (since, tally) in enumerate(found.bars):
        top, parts = float(HEIGHT), []
        for kind, count in (("local", tally.local), ("atlas", tally.atlas), ("waiting", tally.waiting)):
            top -= count * scale
            if count:
                parts.append({"kind": kind, "y": f"{top:.1f}", "height": f"{count * scale:.1f}"})
        yield {"x": place * (BAR + GAP), "since": since, "tally": tally, "parts": parts}


def _named(origin: str, own: set[str]) -> str:
    if origin == ATLAS_ORIGIN:
        return "Atlas"
    if not origin:
        return "unknown"
    return "this device" if origin in own else origin
