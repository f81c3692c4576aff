"""The sidebar: the most used links first, and only links that the user may open."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from monitoring.pages import are_built
from syncapp.conf.settings import get_settings
from syncapp.models import Instance
from syncapp.services.access.roles import may_operate, may_see, may_see_bodies

# Pages below the device's with their own or other entries in the sidebar
BELOW_DEVICE = ("syncapp_first_run", "syncapp_halts", "syncapp_document", "syncapp_selftest")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links, for this user."""
    user = request.user

    def to(icon: str, model: str, **more: Any) -> dict[str, Any] | None:
        """To the list of a model, with the list's title."""
        if not may_see(user, model):
            return None
        options = apps.get_model(model)._meta
        title = capfirst(str(options.verbose_name_plural))
        link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
        return {"title": title, "icon": icon, "link": link, **more}

    groups = [
        (
            "",
            [
                {"title": "Dashboard", "icon": "monitoring", "link": reverse("admin:index")},
                _first_run(user),
                to("notifications", "syncapp.alert"),
                _halts(user),
                to("call_split", "syncapp.conflict"),
                to("block", "syncapp.rejectedchange"),
            ],
        ),
        (
            "Sync",
            [
                to("toggle_on", "syncapp.syncswitches"),
                to("tune", "syncapp.collectionrule"),
                to("filter_alt", "syncapp.excludedcollection"),
                to("rule", "syncapp.validationrule"),
                to("compare_arrows", "syncapp.comparisonrun"),
                to("fact_check", "syncapp.comparedcollection"),
                _document(user),
                _selftest(user),
                to("devices", "syncapp.device"),
                to("computer", "syncapp.instance", active=_is_device_page(request)),
                to("bookmark", "syncapp.resumetoken"),
                to("notification_settings", "syncapp.alertrule"),
                to("send", "syncapp.alertchannel"),
            ],
        ),
        (
            "Records",
            [
                to("bar_chart", "syncapp.metricminute"),
                to("history", "syncapp.auditentry"),
                _flower(),
            ],
        ),
        (
            "Administration",
            [
                to("schedule", "django_celery_beat.periodictask"),
                to("person", "auth.user"),
                to("group", "auth.group"),
                to("key", "syncapp.apitoken"),
                to("key_off", "authtoken.tokenproxy", title="API tokens (older kind)"),
                {"title": "API", "icon": "api", "link": reverse("docs")},
                _pages(),
            ],
        ),
    ]
    return [
        {"title": title, "separator": bool(title), "items": [item for item in items if item]}
        for title, items in groups
    ]


def _is_device_page(request: HttpRequest) -> bool:
    """Pages with their own or other entries are below the device's URL."""
    below = request.path.startswith(reverse("admin:syncapp_instance_changelist"))
    return below and request.path not in {reverse(f"admin:{name}") for name in BELOW_DEVICE}


def _halts(user: Any) -> dict[str, Any] | None:
    if not may_see(user, "syncapp.instance"):
        return None
    return {"title": "Halts", "icon": "front_hand", "link": reverse("admin:syncapp_halts")}


def _document(user: Any) -> dict[str, Any] | None:
    if not may_see_bodies(user):
        return None
    return {"title": "Look up a document", "icon": "search", "link": reverse("admin:syncapp_document")}


def _selftest(user: Any) -> dict[str, Any] | None:
    if not may_operate(user):
        return None
    return {"title": "Self-test", "icon": "checklist", "link": reverse("admin:syncapp_selftest")}


def _first_run(user: Any) -> dict[str, Any] | None:
    """While it is pending or in progress."""
    if not may_see(user, "syncapp.instance") or not Instance.objects.exclude(waiting_for="").exists():
        return None
    return {"title": "First run", "icon": "rocket_launch", "link": reverse("admin:syncapp_first_run")}


def _pages() -> dict[str, Any] | None:
    if not are_built():
        return None
    return {"title": "Documents", "icon": "menu_book", "link": reverse("pages", args=[""])}


def _flower() -> dict[str, Any] | None:
    if not get_settings().sync_flower_url:
        return None
    return {"title": "Tasks (Flower)", "icon": "local_florist", "link": "/flower/"}
