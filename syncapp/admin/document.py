"""The page of one document: its current versions on both sides, what sync does about it and why, and its history."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from syncapp.admin.refusals import as_problem
from syncapp.admin.versions import side_by_side
from syncapp.core.text.extended_json import NoId, extended_id, extended_json, id_from
from syncapp.core.text.plain_ids import plain_id
from syncapp.core.text.shown_values import shown_id
from syncapp.core.values import BOTH
from syncapp.services.access.roles import may_see_bodies
from syncapp.services.documents import id_of_address
from syncapp.services.explain import Explanation, explain
from syncapp.services.masked import Masks
from syncapp.services.reasons import Code, Reason

NAME = "syncapp_document"
LONGEST_ADDRESS = 8_000  # characters: the web server takes lines of 8,190 (gunicorn.py)
PAGES = {Code.REJECTED: "syncapp_rejectedchange_change", Code.MANUAL: "syncapp_conflict_change"}


def link_to(collection: str, document_id: str, exact: str = "", text: str = "") -> SafeString:
    """A link to the page of a document; `document_id` in canonical extended JSON, `exact`: what `beyond` says of it. `text`:
    instead of the `_id`, which is there without a link if it is too long for an address."""
    address = "" if exact else _address(collection, id=document_id)
    try:
        id_bson = b64decode(exact) or id_from(document_id)
        address = address or _address(collection, bson=urlsafe_b64encode(id_bson).decode())
    except NoId:  # a sample of an earlier version
        pass
    if not address:
        return format_html("{}", plain_id(document_id))
    return format_html('<a href="{}">{}</a>', address, text or plain_id(document_id))


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
        "title": "Look up a document",
        "collection": collection,
        "typed_id": document_id,
        "shown_id": shown_id(document_id) if document_id else "",
        "asked": bool(collection and (document_id or exact)),
        "half_asked": bool(collection or document_id),
    }
    if context["asked"]:
        with as_problem(context):
            id_bson = id_of_address(document_id, exact)
            context["shown_id"] = shown_id(extended_id(id_bson))
            context |= _explained(explain(collection, id_bson), Masks(request.user))
    return render(request, "syncapp/document.html", context)


def _explained(told: Explanation, masks: Masks) -> dict[str, Any]:
    collection, versions = told.found.key.collection, told.found.versions
    local, atlas = (masks.document(collection, extended_json(versions[side])) for side in BOTH)
    heads = [{"title": "Local, now"}, {"title": "Atlas, now"}]
    return {
        **side_by_side(local, atlas, heads),
        "told": told,
        "gone": "absent",
        "nowhere": not local and not atlas,
        "reason": linked(told.reason) if told.reason else "",
    }
