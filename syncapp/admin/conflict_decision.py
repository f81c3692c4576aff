"""What a person can do about a conflict; and the page on which one is decided field by field, or by a document that he writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from monitoring.versions import pairs_at
from syncapp.admin.conflict_versions import SIDES, heads_of, with_own, without_base
from syncapp.admin.refusals import as_problem
from syncapp.admin.versions import Row, is_masked, row_of
from syncapp.core.field_choice import Path
from syncapp.core.values import BOTH, Side
from syncapp.models import Conflict
from syncapp.services.conflicts import may_write, resolve, versions_of
from syncapp.services.errors import WrongInput
from syncapp.services.masked import Masks
from syncapp.services.resolution import Choice, differing, has_choices, seen_hashes
from syncapp.services.rules import collection_rules

CHANGE = "admin:syncapp_conflict_change"


SIDE_WORDS = {"local": "local", "atlas": "Atlas"}


def offered(conflict: Conflict) -> list[dict[str, Any]]:
    """The possible actions, each with the address of its dialog."""

    def decision(name: str, title: str, text: str, first: bool = False) -> dict[str, Any]:
        address = reverse(f"admin:syncapp_conflict_{name}", args=[conflict.pk])
        return {"address": address, "title": title, "text": text, "first": first}

    if conflict.waits:
        return [
            decision("take_local", "Take local", "The local version is written to Atlas.", first=True),
            decision("take_atlas", "Take Atlas", "Atlas's version is written to the local MongoDB."),
            decision("decide", "Choose fields", "A value for each field, or a document of your own.")
            | {"page": True},
        ]
    if conflict.loser and conflict.restored_at is None:
        side = SIDE_WORDS[conflict.loser]
        text = f"The {side} version lost. It is written to the local MongoDB as a new change."
        return [decision("restore_loser", f"Restore the {side} version", text, first=True)]
    return []


def settled(conflict: Conflict) -> str:
    """What became of one that offers no action."""
    if conflict.winner == Conflict.Winner.MERGED:
        return f"{conflict.resolved_by or 'An operator'} wrote a merged version at {conflict.resolved_at:%Y-%m-%d %H:%M:%S} UTC."
    if conflict.restored_at:
        return f"The {SIDE_WORDS[conflict.loser]} version was restored at {conflict.restored_at:%Y-%m-%d %H:%M:%S} UTC."
    return "Resolved automatically: both sides became equal."


def decide(request: HttpRequest, conflict: Conflict) -> HttpResponse:
    """The caller has checked the permission."""
    versions = versions_of(conflict)
    names = differing(versions)
    context: dict[str, Any] = {}
    seen = {side: request.POST.get(f"seen_{side}", "") for side in BOTH}
    if request.method == "POST":
        with as_problem(context):
            resolve(conflict, _choice(request, names), request.user, seen)
            messages.success(
                request, "The conflict is resolved; the chosen version is on its way to both sides."
            )
            return HttpResponseRedirect(reverse(CHANGE, args=[conflict.pk]))
    # What is masked cannot be written
    writes = may_write(conflict, request.user)
    shown = Masks(request.user).conflict(conflict)
    own = collection_rules.current().for_collection(conflict.collection).own_fields
    heads = heads_of(shown)
    now_seen = seen_hashes(versions)
    # Of other versions the fields stand in other places, and have other values: those were not chosen
    chosen = request.POST if seen == now_seen else {}
    rows = [with_own(row, own) for row in _rows(names.values(), shown)]
    context |= {
        **admin.site.each_context(request),
        "title": f"Resolve {conflict}",
        "conflict": conflict,
        "because": shown.because,
        "heads": heads,
        "based": bool(shown.base_document),
        "note": "" if shown.base_document else without_base(shown),
        "rows": [(place, row, chosen.get(f"field_{place}", "")) for place, row in enumerate(rows)],
        "masked": any(map(is_masked, rows)),
        "whole": has_choices(versions),
        "may_write": writes,
        "seen": {str(side): text for side, text in now_seen.items()},
        "text": request.POST.get("document", _pretty(shown.local_document or shown.atlas_document)),
        "of_document": writes and request.POST.get("how") == "document",  # what the problem is about
        "back": reverse(CHANGE, args=[conflict.pk]),
    }
    return render(request, "syncapp/conflict_decide.html", context)


def _rows(paths: Iterable[Path], shown: Conflict) -> list[Row]:
    """Of fields in which the versions differ."""
    named = [[name.decode(errors="replace") for name in path] for path in paths]
    pairs = pairs_at(named, shown.local_document, shown.atlas_document, shown.base_document)
    return [row_of(pair, [{"title": title} for title in SIDES.values()]) for pair in pairs]


def _choice(request: HttpRequest, names: Iterable[str]) -> Choice:
    """Raises WrongInput."""
    if request.POST.get("how") == "document":
        try:
            document = json.loads(request.POST.get("document", ""))
        except (ValueError, RecursionError) as error:
            raise WrongInput(f"The document is not JSON: {error}", "document") from None
        if not isinstance(document, dict):
            raise WrongInput("The document is a JSON object, in braces", "document")
        return Choice(document=document)
    answers = {name: request.POST.get(f"field_{place}", "") for place, name in enumerate(names)}
    if missing := [name for name, side in answers.items() if side not in set(Side)]:
        raise WrongInput(f"Choose a value for {missing[0]}", "fields")
    return Choice(fields={name: Side(side) for name, side in answers.items()})


def _pretty(canonical: str) -> str:
    return json.dumps(json.loads(canonical), indent=2, ensure_ascii=False)
