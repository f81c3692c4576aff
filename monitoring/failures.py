"""What is answered when something failed: JSON to scripts, a page to browsers, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.html import format_html

from syncapp.away import what_is_away

log = structlog.get_logger(__name__)
FAILED = "Something failed here. The log (app.log in SYNC_HOME/logs) says what"
NOT_FOUND = "There is nothing at this address"
# No template: those of the admin ask the database who is looking
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} | Isthmus</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<style>body{{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36rem;padding:0 1.5rem;"
    "color-scheme:light dark}}</style><h1>{title}</h1><p>{text}.</p>"
    '<p><a href="{address}">Try again</a> · <a href="/">Dashboard</a></p></html>'
)


class WhatIsAway:
    """Middleware: a view that cannot reach what it needs is answered 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable(request, error)


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """None: the error means something else."""
    text = what_is_away(error) if error else None
    if text is None:
        return None
    log.warning(
        "A request could not be answered", event_name="unavailable", path=request.path, error=str(error)
    )
    return answer(request, 503, "Not available at the moment", text)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: also of what failed before or after the view."""
    return unavailable(request, sys.exc_info()[1]) or answer(request, 500, "An error", FAILED)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return answer(request, 404, "Not found", NOT_FOUND)


def answer(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    scripts = request.path.startswith(("/api/", "/metrics", "/monitoring/"))
    if scripts and request.get_preferred_type(["application/json", "text/html"]) != "text/html":
        response: HttpResponse = JsonResponse({"detail": text}, status=status)
    else:
        page = format_html(PAGE, title=title, text=text, address=request.get_full_path())
        response = HttpResponse(page, status=status)
    if status == 503:
        response["Retry-After"] = "10"
    return response
