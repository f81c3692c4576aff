"""The common part of the admin's pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from syncapp.admin.access import ChangedByOperators, SeenByOperators
from syncapp.admin.refusals import as_message
from syncapp.core.text.shown_values import shown
from syncapp.models import CollectionRule
from syncapp.models.choices import RuleKind
from syncapp.services.rules.collection_rules import delete_rule
from syncapp.services.rules.exclusions import include
from syncapp.services.rules.patterns import matches
from syncapp.services.rules.validation import remove_rule

REMOVE: dict[str, Callable[[str, Any], None]] = {
    RuleKind.EXCLUSION: include,
    RuleKind.RULE: delete_rule,
    RuleKind.VALIDATION: remove_rule,
}
BODIES_HIDDEN = "Your login may not see documents: it needs the permission syncapp.see_bodies, which the group Operators has."


class ReadOnlyAdmin(SeenByOperators, ModelAdmin):
    """Rows written by the product: read-only."""

    compressed_fields = False
    empty_text = "No entries yet."  # shown for an empty list
    in_page: tuple[
        str, ...
    ] = ()  # actions that stand in the page itself, beside what they do: not a second time above it

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        return self._above(super().get_actions_list(request))

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        return self._above(super().get_actions_detail(request, object_id))

    def _above(self, actions: list[Any]) -> list[Any]:
        names = {f"{self.opts.app_label}_{self.opts.model_name}_{name}" for name in self.in_page}
        return [one for one in actions if one.action_name not in names]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfPattern(ChangedByOperators, ModelAdmin):
    """What is laid down for the collections of a pattern, changed by a service alone."""

    pattern_help = (
        "A collection's name or a glob pattern such as order_*: * stands for any characters, ? for one."
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if field := form.base_fields.get("pattern"):
            field.help_text = self.pattern_help
        return form

    def delete_model(self, request: HttpRequest, obj: CollectionRule) -> None:
        with as_message(request):
            REMOVE[obj.kind](obj.pattern, request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


def redirect_to(page: str, *arguments: object) -> HttpResponse:
    """The response of a dialog: htmx follows this header in the page, but a normal redirect in the dialog."""
    return HttpResponse(status=200, headers={"HX-Redirect": reverse(f"admin:{page}", args=arguments)})


def say_matches(request: HttpRequest, pattern: str) -> None:
    """Show what a saved pattern matches now; a warning if nothing."""
    found = matches(pattern)
    (messages.warning if found.none_now else messages.info)(request, f"{found}.")


def hidden_bodies() -> SafeString:
    """Instead of documents, for whoever may not see them."""
    return format_html("<p>{}</p>", BODIES_HIDDEN)


def block(value: object) -> SafeString:
    """Text, or a value as JSON, in a monospaced box."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="isthmus-pre">{}</pre>', text)


def readable(canonical: str) -> SafeString:
    """A document in canonical extended JSON, as a person reads it, and as it is for whoever asks."""
    fields = json.loads(canonical)
    text = "\n".join(f"{name}: {shown(value)}" for name, value in fields.items())
    return format_html("{}{}", block(text), extended_json({"Extended JSON": canonical}))


def extended_json(documents: Mapping[str, str]) -> SafeString:
    """Documents in canonical extended JSON, on demand; an empty text: there is none."""
    parts = [(title, block(json.loads(text) if text else "deleted")) for title, text in documents.items()]
    shown = format_html_join("", "<h4>{}</h4>{}", parts)
    return format_html('<details class="isthmus-more"><summary>Extended JSON</summary>{}</details>', shown)
