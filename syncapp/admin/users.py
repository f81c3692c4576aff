"""Users, groups and API tokens of the older kind in the look of the other pages.

Administrators who are no superusers manage the others: they can neither become superusers nor log in as one.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponseRedirect
from rest_framework.authtoken.admin import TokenAdmin as DrfTokenAdmin
from rest_framework.authtoken.models import TokenProxy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from syncapp.admin.access import Unsearchable
from syncapp.admin.audited import Audited
from syncapp.admin.refusals import as_message
from syncapp.services import users
from syncapp.services.roles import may_touch

for model in (User, Group, TokenProxy):
    admin.site.unregister(model)


OF_SUPERUSERS = ("is_superuser", "user_permissions")


@admin.register(User)
class UserAdmin(Audited, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        with as_message(request):
            return super().changeform_view(request, *args, **options)
        return HttpResponseRedirect(request.path)  # what was refused is undone

    def save_related(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().save_related(request, *args, **options)
        users.require_administrator()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *OF_SUPERUSERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Of a selection: superusers among it are protected, and the last active administrators."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        spared = [str(one) for one in objs if not _may_touch(request, one)]
        last = users.administrators()
        if set(last) <= set(objs):
            spared += [f"{one} (no active administrator would be left)" for one in last]
        return to_delete, counts, needed, [*protected, *spared]


def _may_touch(request: HttpRequest, user: Any) -> bool:
    return user is None or may_touch(request.user, user)


@admin.register(Group)
class GroupAdmin(Audited, DjangoGroupAdmin, ModelAdmin):
    pass


# The text of a token is its key, which pages, messages and the audit log would show
TokenProxy.__str__ = lambda token: f"token of {token.user}"  # type: ignore[method-assign,attr-defined]


@admin.register(TokenProxy)
class TokenAdmin(Unsearchable, Audited, DrfTokenAdmin, ModelAdmin):
    """It shows no keys: whoever may open it could otherwise act as anybody."""

    unsearchable = ("key",)
    empty_text = "No API tokens of the older kind: those of a role are under API tokens."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)  # a key for somebody else

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("created",) if obj is not None else ()

    # The key itself is a credential: POST /api/token/ returns it, it is not shown here
    list_display = ("user", "created")
    autocomplete_fields = ("user",)
