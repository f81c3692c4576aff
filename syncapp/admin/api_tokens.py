"""API tokens: created for oneself, shown once, revoked; with their last use. Administrators see and revoke everybody's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from syncapp.admin.access import WithRows
from syncapp.admin.base import redirect_to
from syncapp.admin.refusals import as_message
from syncapp.models import ApiToken
from syncapp.services.access import api_tokens
from syncapp.services.access.roles import ROLES, highest_role, may_administer

CREATED = "The token is {}. Copy it now: it is not shown again."


class TokenForm(forms.ModelForm):
    role = forms.ChoiceField(
        choices=[(role, role) for role in ROLES],
        widget=UnfoldAdminSelectWidget,
        help_text="It may do no more than this role, whatever your own login may.",
    )
    days = forms.IntegerField(
        label="Valid for days",
        initial=api_tokens.DAYS,
        min_value=1,
        max_value=api_tokens.MOST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    owner: Any = None  # set by the page

    class Meta:
        model = ApiToken
        fields = ("name", "role")
        help_texts = {"name": "What it is for, such as prometheus."}
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean_role(self) -> str:
        role, most = self.cleaned_data["role"], highest_role(self.owner)
        if ROLES.index(role) > ROLES.index(most):
            raise forms.ValidationError(f"Your own login has the role {most} at most.")
        return str(role)


@admin.register(ApiToken)
class ApiTokenAdmin(WithRows, ModelAdmin):
    form = TokenForm
    empty_text = "No API tokens yet. Add one here, or POST user name, password and role to /api/token/."
    list_display = (
        "name",
        "user",
        "role",
        "state",
        "created_at",
        "expires_at",
        "last_used_at",
        "last_used_from",
    )
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    add_fieldsets = ((None, {"fields": ("name", "role", "days")}),)
    fieldsets = (
        (None, {"fields": (("name", "user", "role"), ("hint", "state"))}),
        (
            "Times",
            {"fields": (("created_at", "expires_at", "revoked_at"), ("last_used_at", "last_used_from"))},
        ),
    )
    readonly_fields = ("state",)
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        found = super().get_queryset(request)
        return found if may_administer(request.user) else found.filter(user=request.user)

    def get_fieldsets(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.fieldsets if obj is not None else self.add_fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change=change, form=forms.ModelForm, **kwargs)
        return type("OwnTokenForm", (TokenForm,), {"owner": request.user})

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        user: Any = request.user
        made, key = api_tokens.create(user, obj.name, obj.role, form.cleaned_data["days"], by=user)
        obj.pk = made.pk
        messages.success(request, CREATED.format(key))

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:syncapp_apitoken_changelist"))

    @display(description="State", label={"valid": "success", "expired": "warning", "revoked": "danger"})
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return "revoked"
        return "expired" if token.expires_at and token.expires_at <= timezone.now() else "valid"

    @action(
        description="Revoke",
        url_path="revoke",
        icon="block",
        permissions=["revoke"],
        dialog={
            "title": "Revoke this token?",
            "description": "What uses it is refused at once, and for good.",
            "form_class": None,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: Form, object_id: int) -> HttpResponse:
        with as_message(request):
            api_tokens.revoke(str(object_id), request.user)
            messages.success(request, "Revoked.")
        return redirect_to("syncapp_apitoken_changelist")

    def has_revoke_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        return not object_id or self.get_queryset(request).filter(pk=object_id, revoked_at=None).exists()

    # Everybody who may log in here has tokens of their own

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return obj is None or obj.user_id == request.user.pk or may_administer(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False
