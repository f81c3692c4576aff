"""Views that are loaded when they are asked for the first time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt


def later(name: str) -> Callable[..., HttpResponseBase]:
    """The view of the API's class of this name."""

    @cache
    def loaded() -> Callable[..., HttpResponseBase]:
        view: Callable[..., HttpResponseBase] = import_string(name).as_view()
        return view

    @csrf_exempt  # as every view of the API: its own login checks that
    def view(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        return loaded()(request, *args, **options)

    return view
