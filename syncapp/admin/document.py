"""The page of one document: its current versions on both sides, and why they differ."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from syncapp.admin.base import shown_id
from syncapp.admin.refusals import as_problem
from syncapp.admin.versions import side_by_side
from syncapp.core.extended_json import NoId, beyond, extended_id, id_from
from syncapp.core.plain_ids import plain_id
from syncapp.services.documents import id_of_address, read_both
from syncapp.services.reasons import Code, Reason, reasons_of
from syncapp.services.roles import may_see_bodies

NAME = "syncapp_document"
LONGEST_ADDRESS = 8_000  # characters: the web server takes lines of 8,190 (gunicorn.py)
PAGES = {Code.REJECTED: "syncapp_rejectedchange_change", Code.MANUAL: "syncapp_conflict_change"}


def link_to(collection: str, document_id: str, exact: str = "") -> SafeString:
    """A link to the page of a document; `document_id` in canonical extended JSON, `exact`: what `beyond` says of it. Only
    its text if the `_id` is too long for an address."""
    address = "" if exact else _address(collection, id=document_id)
    try:
        id_bson = b64decode(exact) or id_from(document_id)
        address = address or _address(collection, bson=urlsafe_b64encode(id_bson).decode())
    except NoId:  # a sample of an earlier version
        pass
    if not address:
        return format_html("{}", plain_id(document_id))
    return format_html('<a href="{}">{}</a>', address, plain_id(document_id))


def _address(collection: str, **by: str) -> str:
    """Empty: it would be too long."""
    address = f"{reverse(f'admin:{NAME}')}?{urlencode({'collection': collection, **by})}"
    return address if len(address) <= LONGEST_ADDRESS else ""


def linked(reason: Reason) -> SafeString:
    """A reason, with a link to its object."""
    page = PAGES.get(reason.code)
    if page is not None:
        return format_html('<a href="{}">{}</a>', reverse(f"admin:{page}", args=[reason.row]), reason.text)
    if reason.code is Code.HALTED:
        return format_html('<a href="{}">{}</a>', reverse("admin:syncapp_halts"), reason.text)
    return format_html("{}", reason.text)


def page(request: HttpRequest) -> HttpResponse:
    """For staff who may see documents."""
    if not may_see_bodies(request.user):
        raise PermissionDenied
    collection, document_id = request.GET.get("collection", ""), request.GET.get("id", "")
    exact = request.GET.get("bson", "")
    context = {
        **admin.site.each_context(request),
        "title": "Document",
        "collection": collection,
        "shown_id": shown_id(document_id),
    }
    with as_problem(context):
        id_bson = id_of_address(document_id, exact)
        if exact:
            document_id = extended_id(id_bson)
            context["shown_id"] = shown_id(document_id)
        found = read_both(collection, id_bson)
        context |= side_by_side(found.local, found.atlas, [{"title": "Local, now"}, {"title": "Atlas, now"}])
        context |= {"gone": "absent", "same": found.equal, "nowhere": not found.local and not found.atlas}
        if not found.equal:
            key = (collection, document_id, beyond(document_id, id_bson))
            context["reason"] = linked(reasons_of([key])[key])
    return render(request, "syncapp/document.html", context)
