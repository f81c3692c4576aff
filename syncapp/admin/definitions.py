"""The page of the differences in indexes, validators and options of collections."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from syncapp.admin.refusals import as_problem
from syncapp.services import definitions
from syncapp.services.access.roles import may_see

NAME = "syncapp_definitions"


def page(request: HttpRequest) -> HttpResponse:
    """Both databases are asked now. For staff with the view permission for comparison runs."""
    if not may_see(request.user, "syncapp.comparisonrun"):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": "Indexes, validators and options"}
    with as_problem(context):
        context["differences"] = definitions.compare()
    return render(request, "syncapp/definitions.html", context)
