"""The sidebar: what one looks at first stands first, and nobody sees a link that is closed to them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from syncapp.admin.access import may_see
from syncapp.conf import get_settings
from syncapp.models import Instance

# Pages below the device's that have links of their own, or that others lead to
BELOW_DEVICE = ("syncapp_first_run", "syncapp_halts", "syncapp_document")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links, for this user."""
    user = request.user

    def to(title: str, icon: str, name: str, model: str, **more: Any) -> dict[str, Any] | None:
        if not may_see(user, model):
            return None
        return {"title": title, "icon": icon, "link": reverse(name), **more}

    groups = [
        (
            "",
            [
                {"title": "Dashboard", "icon": "monitoring", "link": reverse("admin:index")},
                _first_run(user),
                to("Halts", "front_hand", "admin:syncapp_halts", "syncapp.instance"),
                to("Conflicts", "call_split", "admin:syncapp_conflict_changelist", "syncapp.conflict"),
                to(
                    "Rejected changes",
                    "block",
                    "admin:syncapp_rejectedchange_changelist",
                    "syncapp.rejectedchange",
                ),
            ],
        ),
        (
            "Sync",
            [
                to(
                    "Sync settings",
                    "toggle_on",
                    "admin:syncapp_syncswitches_changelist",
                    "syncapp.syncswitches",
                ),
                to(
                    "Excluded collections",
                    "filter_alt",
                    "admin:syncapp_excludedcollection_changelist",
                    "syncapp.excludedcollection",
                ),
                to(
                    "Validation rules",
                    "rule",
                    "admin:syncapp_validationrule_changelist",
                    "syncapp.validationrule",
                ),
                to(
                    "Comparison runs",
                    "compare_arrows",
                    "admin:syncapp_comparisonrun_changelist",
                    "syncapp.comparisonrun",
                ),
                to(
                    "Devices",
                    "devices",
                    "admin:syncapp_instance_changelist",
                    "syncapp.instance",
                    active=_is_device_page(request),
                ),
                to(
                    "Resume tokens", "bookmark", "admin:syncapp_resumetoken_changelist", "syncapp.resumetoken"
                ),
            ],
        ),
        (
            "Records",
            [
                to("Metrics", "bar_chart", "admin:syncapp_metricminute_changelist", "syncapp.metricminute"),
                to("Audit log", "history", "admin:syncapp_auditentry_changelist", "syncapp.auditentry"),
                _flower(),
            ],
        ),
        (
            "Administration",
            [
                to(
                    "Periodic tasks",
                    "schedule",
                    "admin:django_celery_beat_periodictask_changelist",
                    "django_celery_beat.periodictask",
                ),
                to("Users", "person", "admin:auth_user_changelist", "auth.user"),
                to("Groups", "group", "admin:auth_group_changelist", "auth.group"),
                to("API tokens", "key", "admin:authtoken_tokenproxy_changelist", "authtoken.tokenproxy"),
                {"title": "API", "icon": "api", "link": reverse("docs")},
            ],
        ),
    ]
    return [
        {"title": title, "separator": bool(title), "items": [item for item in items if item]}
        for title, items in groups
    ]


def _is_device_page(request: HttpRequest) -> bool:
    """Pages with links of their own, and those that others lead to, lie below the device's."""
    below = request.path.startswith(reverse("admin:syncapp_instance_changelist"))
    return below and request.path not in {reverse(f"admin:{name}") for name in BELOW_DEVICE}


def _first_run(user: Any) -> dict[str, Any] | None:
    """While the listener waits for it, or is at it."""
    if not may_see(user, "syncapp.instance") or not Instance.objects.exclude(waiting_for="").exists():
        return None
    return {"title": "First run", "icon": "rocket_launch", "link": reverse("admin:syncapp_first_run")}


def _flower() -> dict[str, Any] | None:
    if not get_settings().sync_flower_url:
        return None
    return {"title": "Tasks (Flower)", "icon": "local_florist", "link": "/flower/"}
