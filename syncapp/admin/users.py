"""Users, groups and API tokens of the older kind in the look of the other pages.

Administrators who are no superusers manage the others: they can neither become superusers nor log in as one, nor as anybody else
who may do more than they.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
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
from syncapp.admin.refusals import as_invalid, as_message, is_allowed
from syncapp.services.access import grants, lockout
from syncapp.services.access.free_names import require_free
from syncapp.services.access.groups import is_role

for model in (User, Group, TokenProxy):
    admin.site.unregister(model)


OF_SUPERUSERS = ("is_superuser", "user_permissions")


class UserForm(UserChangeForm):
    def clean_username(self) -> str:
        return _free(self, User, "username")


class GroupForm(forms.ModelForm):
    def clean_name(self) -> str:
        return _free(self, Group, "name")


def _free(form: forms.ModelForm, kind: Any, field: str) -> str:
    name = str(form.cleaned_data[field])
    if name != form.initial.get(field):
        with as_invalid():
            require_free(kind, name, form.instance.pk)
    return name


class WholeOrNot:
    """For a ModelAdmin, before the others: what a service refuses is undone, and its line is shown."""

    # Before a page says that it was done

    def save_related(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().save_related(request, *args, **options)  # type: ignore[misc]
        request.require_somebody()  # type: ignore[attr-defined]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)  # type: ignore[misc]
        request.require_somebody()  # type: ignore[attr-defined]

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset)  # type: ignore[misc]
        request.require_somebody()  # type: ignore[attr-defined]

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        return _whole(request, super().changeform_view, *args, **options)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        return _whole(request, super().delete_view, *args, **options)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        return _whole(request, super().changelist_view, *args, **options)  # type: ignore[misc]


def _whole(request: HttpRequest, view: Callable[..., Any], *args: Any, **options: Any) -> Any:
    if request.method != "POST":
        return view(request, *args, **options)
    with as_message(request), lockout.somebody_left() as require_somebody:
        request.require_somebody = require_somebody  # type: ignore[attr-defined]
        return view(request, *args, **options)
    return HttpResponseRedirect(request.path)


@admin.register(User)
class UserAdmin(WholeOrNot, Audited, DjangoUserAdmin, ModelAdmin):
    form = UserForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        given = {"active": obj.is_active, "staff": obj.is_staff} if change else {}
        lockout.require_other(request.user, obj, given)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, *args: Any, **options: Any) -> None:
        super().save_related(request, form, *args, **options)
        grants.require_may_touch(request.user, form.instance)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        with as_message(request):
            if "unset-password" in request.POST and id == str(request.user.pk):
                lockout.require_other(request.user, request.user, {"password": None})
            return super().user_change_password(request, id, form_url)
        return HttpResponseRedirect(request.path)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *OF_SUPERUSERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Of a selection: who may do more than oneself is protected, and so are oneself and the last ones."""
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        return to_delete, counts, needed, [*protected, *_spared(list(objs), request)]


def _may_touch(request: HttpRequest, user: Any) -> bool:
    return user is None or is_allowed(lambda: grants.require_may_touch(request.user, user))


def _spared(users: list[User], request: HttpRequest) -> Iterator[str]:
    for one in users:
        if one.pk == request.user.pk:
            yield f"{one} (your own login)"
        elif not _may_touch(request, one):
            yield str(one)
    for kind, last in (("administrator", lockout.administrators()), ("superuser", lockout.superusers())):
        if (left := set(last)) and left <= set(users):
            yield from (f"{one} (no active {kind} would be left)" for one in left)


@admin.register(Group)
class GroupAdmin(WholeOrNot, Audited, DjangoGroupAdmin, ModelAdmin):
    form = GroupForm

    def save_related(self, request: HttpRequest, form: Any, *args: Any, **options: Any) -> None:
        super().save_related(request, form, *args, **options)
        grants.require_may_touch_group(request.user, form.instance)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return (*fields, "name") if obj is not None and is_role(obj) else fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch_group(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        mine = obj is None or (not is_role(obj) and _may_touch_group(request, obj))
        return mine and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        to_delete, counts, needed, protected = super().get_deleted_objects(objs, request)
        spared = [str(one) for one in objs if is_role(one) or not _may_touch_group(request, one)]
        return to_delete, counts, needed, [*protected, *spared]


def _may_touch_group(request: HttpRequest, group: Any) -> bool:
    return group is None or is_allowed(lambda: grants.require_may_touch_group(request.user, group))


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
