"""The one block that `make run` prints when everything is up: where, who, what to try, how to stop."""

from __future__ import annotations

from dataclasses import dataclass

from syncapp.conf import SyncSettings
from syncapp.embedded.plan import Plan
from syncapp.embedded.probe import Health
from syncapp.masking import mask_address
from syncapp.preparation import Admin


@dataclass(frozen=True)
class Addresses:
    web: str
    local: str
    atlas: str
    is_demo: bool

    @classmethod
    def of(cls, settings: SyncSettings, plan: Plan) -> Addresses:
        return cls(
            f"http://localhost:{settings.port}",
            mask_address(settings.mongodb_uri),
            mask_address(settings.mongodb_atlas_uri),
            plan.is_demo,
        )


def describe(settings: SyncSettings, admin: Admin, health: Health, addresses: Addresses) -> str:
    web = addresses.web
    lines = [
        "",
        f"  {_headline(health)}",
        *(f"  {line}" for line in _what_is_wrong(settings, health)),
        "",
        f"  Dashboard   {web}/admin/",
        f"  API         {web}/api/docs/",
        f"  Tasks       {web}/flower/   (Flower, after logging in)",
        f"  Login       {admin.username}   {admin.password or '(the password that you set)'}",
        "",
        f"  Local       {addresses.local}",
        f"  Atlas       {addresses.atlas}{'   (played by a second local server)' if addresses.is_demo else ''}",
        "",
        *(f"  {line}" for line in _what_to_try(settings, addresses)),
        "",
        f"  Logs        {settings.home / 'logs'}",
        "  Stop        Ctrl-C",
        "",
    ]
    return "\n".join(lines)


def _headline(health: Health) -> str:
    if health.is_good:
        return "Isthmus is running. Sync is healthy."
    if health.web:
        return f"Isthmus is running. Sync is {health.sync}. {health.message}".rstrip()
    return "Isthmus is not up: the web process does not answer."


def _what_is_wrong(settings: SyncSettings, health: Health) -> list[str]:
    if health.is_good:
        return []
    logs = settings.home / "logs"
    return [f"Not running: {name} (see {logs / name}.log)" for name in health.not_running]


def _what_to_try(settings: SyncSettings, addresses: Addresses) -> list[str]:
    if addresses.is_demo:
        return [
            "Try         Watch the dashboard: a small shop writes on both sides.",
            "            Connect to both addresses with mongosh or Compass, change a document on one",
            "            side, and find it on the other. Change it on both, and look at Conflicts.",
        ]
    if not settings.bidirectional_sync_enabled:
        return [
            "Sync is one-way (local to Atlas). To let changes travel both ways: the switch on the",
            "dashboard, or BIDIRECTIONAL_SYNC_ENABLED=true in .env and a restart.",
        ]
    return ["Try         Change a document on one side, and find it on the other."]
