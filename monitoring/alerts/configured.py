"""The channels: rows of Django's database, and those that the environment names, whose options stay there."""

from __future__ import annotations

from monitoring.alerts.kind import Kind, Options, all_kinds
from syncapp.conf.settings import get_settings
from syncapp.models import AlertChannel


def kind_of(channel: AlertChannel) -> Kind | None:
    """None: a kind of another version of the product."""
    return all_kinds().get(channel.kind)


def channels() -> list[AlertChannel]:
    """All, those of the environment first; one of them that was never evaluated is not saved yet."""
    rows = list(AlertChannel.objects.all())
    known = {row.name for row in rows}
    wanted = _of_the_environment()
    fresh = [
        AlertChannel(name=name, kind=kind.name, from_environment=True)
        for name, kind in wanted.items()
        if name not in known
    ]
    kept = [row for row in rows if not row.from_environment or row.name in wanted]
    return sorted([*fresh, *kept], key=lambda one: not one.from_environment)


def keep_environment() -> None:
    """Rows for the environment's channels: what is sent refers to them. Idempotent. Raises DatabaseError."""
    wanted = _of_the_environment()
    known = set(AlertChannel.objects.filter(from_environment=True).values_list("name", flat=True))
    for name in wanted.keys() - known:
        defaults = {"kind": wanted[name].name, "from_environment": True}
        AlertChannel.objects.get_or_create(name=name, defaults=defaults)
    if known - wanted.keys():
        AlertChannel.objects.filter(name__in=known - wanted.keys()).delete()


def options_of(channel: AlertChannel) -> Options:
    """What its kind sends with: its own, and what it inherits of the environment."""
    kind = kind_of(channel)
    if kind is None:
        return {}
    given = kind.environment(get_settings()) if kind.environment else {}
    if channel.from_environment:
        return given
    inherited = {one.name: given.get(one.name, "") for one in kind.options if one.inherits}
    return {**inherited, **{name: value for name, value in channel.options.items() if value}}


def _of_the_environment() -> dict[str, Kind]:
    """By their channels' names."""
    found = {}
    for kind in all_kinds().values():
        if kind.environment is not None:
            given = kind.environment(get_settings())
            if all(given.get(one.name) for one in kind.options if one.required):
                found[kind.name_in_environment] = kind
    return found
