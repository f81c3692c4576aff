"""Flower, the view of tasks, at /flower/: for staff, read-only.

Flower itself listens on the loopback with its own password (SYNC_FLOWER_URL). Every request
reaches it as a GET, so that nothing can be stopped, restarted or revoked this way.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
from urllib.parse import unquote, urlsplit

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from monitoring.failures import answer
from syncapp.conf.settings import get_settings

TIMEOUT_S = 10
# The table of tasks uses POST where Flower also accepts GET
TABLE = "/flower/tasks/datatable"
BODY = re.compile(rb"<body\b[^>]*>")
PASSED_ON = ("Content-Type", "Cache-Control", "Etag", "Last-Modified")


@csrf_exempt  # nothing can be changed here, and Flower's pages have no CSRF token of ours
@staff_member_required
@gzip_page
def flower(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Everything below /flower/, read only."""
    address = get_settings().sync_flower_url
    if not address:
        raise Http404("SYNC_FLOWER_URL is not set")
    if not rest:
        return HttpResponseRedirect("/flower/")
    query = request.META.get("QUERY_STRING", "")
    if request.method == "POST" and request.path == TABLE:
        query = request.body.decode("utf-8", "replace")
    elif request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"], "Flower is read-only here.\n")
    try:
        return _ask(address, request.get_full_path_info().split("?")[0] + (f"?{query}" if query else ""))
    except (OSError, http.client.HTTPException):
        text = "Nothing answers at the address of SYNC_FLOWER_URL"
        return answer(request, 502, "Flower cannot be reached", text)


def _ask(address: str, path: str) -> HttpResponse:
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    headers = {"Accept-Encoding": "identity"}
    # Flower's own password is not percent-encoded
    login = os.environ.get("FLOWER_BASIC_AUTH", "")
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    try:
        connection.request("GET", path, headers=headers)
        got = connection.getresponse()
        content = got.read()
        if got.getheader("Content-Type", "").startswith("text/html"):
            content = _with_a_way_back(content)
        response = HttpResponse(content, status=got.status)
        for name in PASSED_ON:
            if value := got.getheader(name):
                response[name] = value
        return response
    finally:
        connection.close()


def _with_a_way_back(page: bytes) -> bytes:
    """The page with the link to the admin above it."""
    link = render_to_string("monitoring/back.html").encode()
    return BODY.sub(lambda body: body[0] + link, page, count=1)
