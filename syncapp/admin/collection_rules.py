"""Collection rules, listed with exclusions and validation rules in the order in which they apply; edited part by part, and
previewed before they are saved."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Length
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from syncapp.admin.base import OfPattern, block, say_matches
from syncapp.admin.collection_rule_form import RuleForm
from syncapp.admin.refusals import as_problem
from syncapp.admin.validation_check import errors_of, fragment
from syncapp.models import CollectionRule
from syncapp.models.choices import RuleKind
from syncapp.services.access.roles import may_see
from syncapp.services.rules import collection_rules
from syncapp.services.rules.patterns import matches
from syncapp.services.rules.rule_changes import MODELS
from syncapp.services.rules.rule_lookup import effects_of, look_up
from syncapp.services.rules.rule_preview import preview_delete, preview_rule
from syncapp.services.rules.validation_check import MISSING

PREVIEW, MATCHES, FOR = "syncapp_rule_preview", "syncapp_rule_matches", "syncapp_rule_for"
PARTS = (
    (None, {"fields": ("pattern", "priority", "now")}),
    (
        "What is transferred",
        {
            "fields": (
                ("direction", "urgency"),
                ("deletesLocalToAtlas", "deletesAtlasToLocal"),
                "filter",
                "onLeave",
                "ownFields",
            )
        },
    ),
    (
        "Conflicts",
        {"fields": ("strategy", "resolver", "numbers", "arrays", "timestampField")},
    ),
    ("Documents", {"fields": ("validation", "maskedFields")}),
)


@admin.register(CollectionRule)
class CollectionRuleAdmin(OfPattern):
    form = RuleForm
    empty_text = "No rules: the general settings apply to all collections."
    list_before_template = "syncapp/rules_before.html"
    change_form_after_template = "syncapp/rule_preview_button.html"
    show_add_link = False  # the list has one for each kind
    list_display = ("pattern", "what_for", "asked", "does", "changed_at")
    list_filter = ("kind",)
    search_fields = ("pattern",)
    fieldsets = PARTS
    readonly_fields = ("now", "does", "as_json")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionRule]:
        wild = Q(pattern__contains="*") | Q(pattern__contains="?")
        is_wild = ExpressionWrapper(wild, output_field=BooleanField())
        rows = CollectionRule.of_all_kinds.annotate(is_wild=is_wild, length=Length("pattern"))
        return rows.order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("kind", "priority", "is_wild", "-length", "pattern")  # as CollectionRule.rank

    def get_fieldsets(self, request: HttpRequest, obj: CollectionRule | None = None) -> Any:
        if not self.has_operate_permission(request):
            return [(None, {"fields": ("pattern", "priority", "now", "does", "as_json")})]
        return PARTS if obj else [(None, {"fields": ("pattern", "priority")}), *PARTS[1:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "pattern") if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.user = request.user  # a class of this request
        return form

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("for/", view(self.for_view), name=FOR),
            path("preview/", view(require_POST(self.preview_view)), name=PREVIEW),
            path("<int:object_id>/preview/", view(require_POST(self.preview_view)), name=PREVIEW),
            path("<int:object_id>/matches/", view(self.matches_view), name=MATCHES),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **more: Any) -> HttpResponse:
        """What is of another kind has a form of its own."""
        row = self.get_object(request, object_id)
        if row is None or row.kind == RuleKind.RULE:
            return super().change_view(request, object_id, *args, **more)
        return redirect(f"admin:syncapp_{MODELS[row.kind]._meta.model_name}_change", row.pk)

    @display(description="Kind", ordering="kind", label=True)
    def what_for(self, row: CollectionRule) -> str:
        return str(row.get_kind_display())

    @display(description="Priority", ordering="priority")
    def asked(self, row: CollectionRule) -> int | None:
        return row.priority if row.kind == RuleKind.RULE else None

    @display(description="What it does")
    def does(self, row: CollectionRule) -> SafeString:
        shown = format_html_join(
            "", '<span class="isthmus-word">{}</span>', ((word,) for word in effects_of(row))
        )
        return format_html('<div class="isthmus-words">{}</div>', shown)

    @display(description="As JSON")
    def as_json(self, row: CollectionRule) -> SafeString:
        return block(row.as_document())

    @display(description="Matches now")
    def now(self, row: CollectionRule) -> SafeString:
        # Loaded by the page itself: an unreachable database must not block the page
        address = reverse(f"admin:{MATCHES}", args=[row.pk])
        return format_html('<div hx-get="{}" hx-trigger="load">Asking both databases …</div>', address)

    def matches_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Which collections a rule's pattern matches now, as a fragment of the page."""
        row = self._seen(request, object_id)
        return HttpResponse(format_html("{}", str(matches(row.pattern))))

    def preview_view(self, request: HttpRequest, object_id: int | None = None) -> HttpResponse:
        """What the rule in the form would do, as a fragment of the page."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        row = get_object_or_404(CollectionRule, pk=object_id) if object_id else None
        context: dict[str, Any] = {}
        if "delete" in request.GET and row is not None:
            with as_problem(context):
                context["found"] = preview_delete(row.pattern)
            return render(request, "syncapp/rule_preview.html", context)
        form = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        if not form.is_valid():
            return render(request, "syncapp/rule_preview.html", {"errors": errors_of(form)})
        if "check" in request.GET:
            return fragment(request, form.rule["pattern"], form.rule["validation"] or MISSING)
        with as_problem(context):
            context["found"] = preview_rule(form.rule)
        return render(request, "syncapp/rule_preview.html", context)

    def for_view(self, request: HttpRequest) -> HttpResponse:
        """Which rule a collection gets, and why."""
        if not may_see(request.user, self.opts.label_lower):
            raise PermissionDenied
        name = request.GET.get("collection", "").strip()
        context = {
            **self.admin_site.each_context(request),
            "title": "Rules of a collection",
            "collection": name,
        }
        if name:
            found = look_up(name)
            row = CollectionRule.objects.filter(pattern=found.rule.pattern).first() if found.matched else None
            context |= {"found": found, "row": row}
        return render(request, "syncapp/rule_for.html", context)

    def save_model(self, request: HttpRequest, obj: CollectionRule, form: ModelForm, change: bool) -> None:
        obj.pk = collection_rules.set_rule(form.rule, request.user).pk  # type: ignore[attr-defined]
        say_matches(request, obj.pattern)

    def has_delete_permission(self, request: HttpRequest, obj: CollectionRule | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        if obj is None or obj.kind != RuleKind.RULE:
            return allowed
        return allowed and not collection_rules.refused_removal(obj.pattern, request.user)

    def _seen(self, request: HttpRequest, object_id: int) -> CollectionRule:
        row = get_object_or_404(CollectionRule, pk=object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row
