"""The page "Halts": the halted transfers, with one button per answer, which asks for confirmation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from monitoring.health.values import duration
from syncapp.admin.document import link_to
from syncapp.admin.halt_choices import TITLES, choice
from syncapp.admin.refusals import as_message, as_problem
from syncapp.services import halts
from syncapp.services.access.roles import may_operate, may_see
from syncapp.store.halts import ANSWERS, Halt

NAME = "syncapp_halts"


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """For staff with the view permission for the device; answering needs the operator's permission."""
    if not may_see(request.user, "syncapp.instance"):
        raise PermissionDenied
    if request.method == "POST":
        _answer(request)
        return HttpResponseRedirect(reverse(f"admin:{NAME}"))
    context = {
        **admin.site.each_context(request),
        "title": "Halts",
        "halts": [],
        "may_operate": may_operate(request.user),
    }
    with as_problem(context):
        found = halts.show()
        context["halts"] = [_shown(halt) for halt in found]
        # Not while a dialog may be open
        context["follow"] = bool(found) and all(halt.answer for halt in found)
    return render(request, "syncapp/halts.html", context)


def _shown(halt: Halt) -> dict[str, Any]:
    return {
        **halt.as_document(),
        "at": halt.at,
        "ago": duration((timezone.now() - halt.at).total_seconds()),
        "title": TITLES[halt.kind],
        "choices": [choice(halt, answer) for answer in ANSWERS[halt.kind]],
        "answered": choice(halt, halt.answer).title if halt.answer else "",
        "samples": [link_to(halt.collection, *one) for one in halt.exact_samples],
    }


def _answer(request: HttpRequest) -> None:
    if not may_operate(request.user):
        raise PermissionDenied
    with as_message(request):
        halt = halts.answer(request.POST.get("id", ""), request.POST.get("answer", ""), request.user)
        if halt.answer:
            done = choice(halt, halt.answer).title
            messages.success(request, f"Answered: {done}. The listener carries it out.")
