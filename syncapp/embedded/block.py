"""The summary that `make run` prints when everything is up: addresses, login, what to try, how to stop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitoring.pages import are_built
from syncapp.conf.settings import SyncSettings
from syncapp.core.text.masking import mask_address
from syncapp.embedded.plan import Plan
from syncapp.embedded.probe import Health
from syncapp.services.set_up import Admin


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


def describe(
    settings: SyncSettings, admin: Admin, health: Health, addresses: Addresses, is_two_way: bool
) -> str:
    web = addresses.web
    lines = [
        "",
        f"  {_headline(health)}",
        *(f"  {line}" for line in _what_is_wrong(settings, health)),
        "",
        f"  Dashboard   {web}/admin/",
        f"  API         {web}/api/docs/",
        *([f"  Documents   {web}/docs/"] if are_built() else []),
        *([f"  Tasks       {web}/flower/   (Flower, after logging in)"] if settings.sync_flower_url else []),
        f"  Login       {admin.username}   {admin.password or '(the password that you set)'}",
        "",
        f"  Local       {addresses.local}",
        f"  Atlas       {addresses.atlas}{'   (a second local server)' if addresses.is_demo else ''}",
        "",
        *(f"  {line}" for line in _what_to_try(addresses, is_two_way)),
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
    found = list(health.reasons)
    for name in health.not_running:
        log = settings.home / "logs" / f"{name}.log"
        found += [f"Not running: {name} (see {log})", f"  {last_line(log)}"]
    return found


def last_line(log: Path) -> str:
    try:
        return (log.read_text(errors="replace").splitlines() or [""])[-1]
    except OSError:
        return ""


def _what_to_try(addresses: Addresses, is_two_way: bool) -> list[str]:
    if not is_two_way:
        return [
            "Sync is one-way (local to Atlas). To enable both directions: the switch on the",
            "dashboard, or BIDIRECTIONAL_SYNC_ENABLED=true in .env and a restart.",
        ]
    if addresses.is_demo:
        return [
            "Try         Watch the dashboard: sample traffic is written on both sides.",
            "            Connect to both addresses with mongosh or Compass, change a document on one",
            "            side, and see it on the other. Change it on both, and look at Conflicts.",
        ]
    return ["Try         Change a document on one side, and see it on the other."]
