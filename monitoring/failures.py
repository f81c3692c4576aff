"""Error responses: JSON for scripts, a page for browsers, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import structlog
from django.apps import apps
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.utils.html import format_html, format_html_join

from syncapp.services.access.roles import OPERATE, ROLES, SEE_BODIES, allows, may_see, may_see_bodies
from syncapp.services.away import what_is_away
from syncapp.services.errors import NotFound, Unreachable, WrongInput

log = structlog.get_logger(__name__)
FAILED = "Internal error. See the log (app.log in SYNC_HOME/logs)"
BAD_REQUEST = "The request is refused: too many fields, too large, or not well-formed"
NOT_FOUND = "There is nothing at {path}"
NOT_A_PAGE = "{path} is no page to open: the form or the button of another page sends its data there"
NO_SUCH_METHOD = "{path} takes {allowed}, not {method}"
FORBIDDEN = (
    "Your login, {name}, may not do this: it needs the permission {permission}, which the group {group} has. "
    "An administrator can add you to it"
)
# What stands beside an error's text, for programs: of services' errors their own, of others by the status
CODES = {
    400: WrongInput.code,
    401: "not_authenticated",
    403: "permission_denied",
    404: NotFound.code,
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "throttled",
    500: "failed",
    503: Unreachable.code,
}
# Admin pages without a model, and the model whose permission they require
PAGES = {
    "syncapp_halts": "syncapp.instance",
    "syncapp_first_run": "syncapp.instance",
    "syncapp_first_run_progress": "syncapp.instance",
}
# Those that require another permission
BODIES = ("syncapp_document", "syncapp_conflict_now", "syncapp_conflict_decide")
ACTS = {"add": "add", "changelist": "view", "delete": "delete"}
STALE = (
    "The form has expired, or was opened before a login in another tab; nothing was done. "
    "Go back, reload the page, and submit it again"
)
# No template: those of the admin query the database for the user
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} | Isthmus</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><style>'
    ":root{{color-scheme:light dark;--text:#1f2937;--soft:#6b7280;--line:#e5e7eb;--card:#fff;--back:#f9fafb;--link:oklch(53% .089 192)}}"
    "@media(prefers-color-scheme:dark){{:root{{--text:#e5e7eb;--soft:#9ca3af;--line:#374151;--card:#1f2937;--back:#111827;--link:oklch(75% .105 190)}}}}"
    "body{{font:15px/1.6 Inter,system-ui,sans-serif;margin:0;color:var(--text);background:var(--back)}}"
    "main{{max-width:34rem;margin:14vh auto;padding:0 1rem}}"
    ".brand{{display:flex;gap:.7rem;align-items:center;font-weight:600;margin-bottom:1.2rem}}"
    ".brand i{{background:oklch(53% .089 192);color:#fff;border-radius:8px;width:2.2rem;line-height:2.2rem;text-align:center;font-style:normal}}"
    "section{{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.2rem 1.5rem}}"
    "h1{{font-size:1.15rem;margin:0 0 .4rem}}p{{margin:.4rem 0}}a{{color:var(--link);margin-right:1rem}}"
    '</style><main><div class="brand"><i>⇄</i>Isthmus</div><section><h1>{title}</h1><p>{text}.</p>'
    '<p>{links}<a href="/">Dashboard</a></p></section></main></html>'
)


class WhatIsAway:
    """Middleware: 503 if a view needs an unavailable service."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable(request, error)


class WithoutNul:
    """Middleware: 400 for a page with a NUL in its address, by which PostgreSQL cannot look for anything. The API names the field."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") and not request.path.startswith("/api/"):
            return bad_request(request, ValueError("NUL"))
        return self.get_response(request)


class OnlyByForm:
    """Middleware: addresses that a form or a button of a page sends to, opened as a page: from a link in a new tab, or by a
    login that leads back to where one was."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's own, which has no body; the API answers with another class
        if isinstance(response, HttpResponseNotAllowed):
            return wrong_method(request, response)
        # By a browser's navigation: a page that takes it in says HX-Request
        opened = "text/html" in request.headers.get("Accept", "") and "HX-Request" not in request.headers
        looks = opened and request.method in ("GET", "HEAD") and response.status_code == 200
        if looks and hasattr(request, "is_dialog"):
            return HttpResponseRedirect(above(request))  # alone it is a fragment without its page
        return response

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object) -> None:
        if hasattr(view, "dialog"):
            request.is_dialog = True  # type: ignore[attr-defined]


def above(request: HttpRequest) -> str:
    """The page to which an address below it belongs."""
    return f"{request.path.rstrip('/').rpartition('/')[0]}/"


def wrong_method(request: HttpRequest, refused: HttpResponse) -> HttpResponse:
    """405, with the header Allow."""
    path, allowed = request.path[:200], refused["Allow"]
    if request.method in ("GET", "HEAD"):
        links = {above(request): "The page it belongs to"}
        response = answer(request, 405, "Not a page", NOT_A_PAGE.format(path=path), links)
    else:
        text = NO_SUCH_METHOD.format(path=path, allowed=allowed, method=request.method)
        response = answer(request, 405, "Method not allowed", text, {request.path: "Open the page"})
    response["Allow"] = allowed
    return response


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """None: the error means something else."""
    text = what_is_away(error) if error else None
    if text is None:
        return None
    log.warning("Request failed", event_name="unavailable", path=request.path, error=str(error))
    return answer(request, 503, "Not available at the moment", text)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: also for failures before or after the view."""
    return unavailable(request, sys.exc_info()[1]) or answer(request, 500, "Internal error", FAILED)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: requests refused by its own limits."""
    return answer(request, 400, "Bad request", BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return answer(request, 404, "Not found", NOT_FOUND.format(path=request.path[:200]))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    name = request.user.get_username() if request.user.is_authenticated else "nobody"
    permission = _needed(request)
    group = next(role for role in ROLES if allows(role, permission))
    return answer(
        request, 403, "Not allowed", FORBIDDEN.format(name=name, permission=permission, group=group)
    )


def stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return answer(request, 403, "Form expired", STALE)


def _needed(request: HttpRequest) -> str:
    """The permission that the refused page requires."""
    page = (request.resolver_match.url_name if request.resolver_match else "") or ""
    if page in BODIES and not may_see_bodies(request.user):
        return SEE_BODIES
    model = PAGES.get(page) or next(
        (
            one._meta.label_lower
            for one in apps.get_models()
            if page.startswith(f"{one._meta.label_lower}_".replace(".", "_"))
        ),
        "",
    )
    app, _, name = model.partition(".")
    if app in ("", "syncapp"):
        return OPERATE if not model or may_see(request.user, model) else f"{app}.view_{name}"
    return f"{app}.{ACTS.get(page.rpartition('_')[2], 'change')}_{name}"


def answer(
    request: HttpRequest, status: int, title: str, text: str, links: Mapping[str, str] | None = None
) -> HttpResponse:
    """`links`: address → what it is called; where none are given, the same address again."""
    scripts = request.path.startswith(("/api/", "/metrics", "/monitoring/"))
    if scripts and request.get_preferred_type(["application/json", "text/html"]) != "text/html":
        body = {"detail": text, "code": CODES[status], "field": None}
        response: HttpResponse = JsonResponse(body, status=status)
    else:
        anchors = links or {request.get_full_path(): "Try again"}
        page = format_html(
            PAGE, title=title, text=text, links=format_html_join("", '<a href="{}">{}</a>', anchors.items())
        )
        response = HttpResponse(page, status=status)
    if status == 503:
        response["Retry-After"] = "10"
    return response
