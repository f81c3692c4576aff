"""The page "Self-test": which parts, the start, the progress, and the table of results. For operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from syncapp.admin.refusals import as_message, as_problem
from syncapp.selftest.part import all_parts, default_names
from syncapp.services import selftest
from syncapp.services.access.roles import may_operate
from syncapp.services.selftest import HIGHEST_RATE, LONGEST_SECONDS
from syncapp.store.selftest import OPEN, Selftest, State

NAME, PROGRESS = "syncapp_selftest", "syncapp_selftest_progress"


class StartForm(forms.Form):
    """The parts, and how long and how fast performance and load write."""

    parts = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    seconds = forms.IntegerField(required=False, min_value=1, max_value=LONGEST_SECONDS, label="Seconds")
    rate = forms.IntegerField(required=False, min_value=1, max_value=HIGHEST_RATE, label="Writes a second")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, initial={"parts": default_names()})
        self.fields["parts"].choices = [(one.name, one.purpose) for one in all_parts()]  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    _check(request)
    form = StartForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        with as_message(request):
            selftest.start(given["parts"], given["seconds"], given["rate"], request.user)
            messages.success(request, "Started.")
        return HttpResponseRedirect(reverse(f"admin:{NAME}"))
    context = {**admin.site.each_context(request), "title": "Self-test", "form": form, **_found()}
    return render(request, "syncapp/selftest.html", context)


def progress(request: HttpRequest) -> HttpResponse:
    """The results so far, as a fragment that the page polls."""
    _check(request)
    context = _found()
    if not context.get("goes_on") and not context.get("problem"):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "syncapp/selftest_progress.html", context)


def _check(request: HttpRequest) -> None:
    if not may_operate(request.user):
        raise PermissionDenied


def _found() -> dict[str, Any]:
    """`problem`: it cannot be asked now; while one ran, the page asks again."""
    context: dict[str, Any] = {"goes_on": False}
    with as_problem(context):
        found = selftest.show()
        if found is not None:
            context |= _shown(found)
    return context


def _shown(found: Selftest) -> dict[str, Any]:
    document = selftest.as_document(found)
    done = {one["name"]: one for one in document["parts"]}
    wanted = [one for one in all_parts() if one.name in found.wanted.parts]
    rows = [_row(one.name, one.purpose, done.get(one.name), document["current"]) for one in wanted]
    return {
        "found": found,
        "state": found.state.value,
        "goes_on": found.state in OPEN,
        "interrupted": found.state is State.INTERRUPTED,
        "ok": document["ok"],
        "rows": rows,
        "ended": sum(row["state"] in ("ok", "failed") for row in rows),
        "bad": ", ".join(row["name"] for row in rows if row["state"] == "failed"),
    }


def _row(name: str, purpose: str, result: Mapping[str, Any] | None, current: str | None) -> dict[str, Any]:
    if result is None:
        return {"name": name, "purpose": purpose, "state": "waiting", "lines": []}
    lines = result["lines"]
    running = current == name
    return {
        "name": name,
        "purpose": purpose,
        "state": "running" if running else "ok" if result["ok"] else "failed",
        "lines": lines,
        "open": running or not result["ok"],
        "passed": sum(line["ok"] for line in lines),
        "seconds": f"{result['figures'].get('seconds', 0):.1f} s",
    }
