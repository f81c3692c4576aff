"""The documents that a validation would refuse now, as a fragment of the page on which it is edited."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from monitoring.health.values import counted
from syncapp.admin.document import link_to
from syncapp.admin.refusals import as_problem
from syncapp.compare.validity import Validity
from syncapp.core.values import BOTH, Side
from syncapp.services.masked import Masks
from syncapp.services.rules.validation_check import check_now

SIDES = {Side.LOCAL: "Here", Side.ATLAS: "On Atlas"}


def errors_of(form: BaseForm) -> list[tuple[str, str]]:
    """Of each fault the field's label and what is wrong."""
    labels = {name: str(field.label or name.capitalize()) for name, field in form.fields.items()}
    return [(labels.get(name, ""), str(line)) for name, lines in form.errors.items() for line in lines]


def fragment(request: HttpRequest, pattern: str, schema: object) -> HttpResponse:
    """`schema`: as it is in the form, also if it is not saved yet."""
    context: dict[str, Any] = {}
    with as_problem(context):
        found = check_now(pattern, schema, masks=Masks(request.user))
        rows = [_row(one, side) for one in found.found for side in BOTH]
        context |= {"rows": rows, "left": found.left, "checked": True}
    return render(request, "syncapp/validation_check.html", context)


def _row(one: Validity, side: Side) -> dict[str, Any]:
    samples: list[tuple[SafeString, str]] = [
        (link_to(one.collection, key), why) for key, why in one.samples[side]
    ]
    return {
        "collection": one.collection,
        "side": SIDES[side],
        "refused": f"{one.refused[side]:,}",
        "read": counted(one.read[side], "document"),
        "whole": one.whole,
        "samples": samples,
    }
