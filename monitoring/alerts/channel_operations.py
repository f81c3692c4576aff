"""What API, admin and command do with channels. Secrets are shown masked, and never logged."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from monitoring.alerts.configured import channels, kind_of, options_of
from monitoring.alerts.events import KINDS as EVENTS
from monitoring.alerts.kind import Kind, Message, Refused, Unavailable, all_kinds
from monitoring.health.values import RUNBOOKS
from syncapp.conf.settings import get_settings
from syncapp.conf.types import WrongValue
from syncapp.core.text.masking import mask_passwords
from syncapp.models import AlertChannel, Instance
from syncapp.rules.switches import Actor, audit
from syncapp.services.errors import NotFound, NotPossible, Overtaken, Unreachable, WrongInput, wrong_value

MASK = "***"
NAME, NAME_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}"), "small letters, digits, - and _; 60 at most"
LONGEST_OPTION = 2_000


def find(name: str) -> AlertChannel:
    """Raises NotFound."""
    found = next((one for one in channels() if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no channel {name!r}", "name")
    return found


def shown_options(channel: AlertChannel) -> dict[str, str]:
    """With secrets masked: what is masked may be sent back unchanged."""
    kind, options = kind_of(channel), options_of(channel)
    return {one.name: _masked(one.secret, options.get(one.name, "")) for one in kind.options} if kind else {}


def _masked(secret: bool, value: str) -> str:
    return MASK if secret and value else mask_passwords(value)


@transaction.atomic
def add(
    name: str,
    kind: str,
    options: Mapping[str, str],
    user: Actor = None,
    *,
    enabled: bool = True,
    alerts: bool = True,
    events: Sequence[str] = (),
) -> AlertChannel:
    """Raises WrongInput or Overtaken."""
    if not NAME.fullmatch(name):
        raise wrong_value("name", name, NAME_FORM)
    if kind not in all_kinds() or not all_kinds()[kind].options:
        raise wrong_value("kind", kind, ", ".join(one.name for one in all_kinds().values() if one.options))
    if any(one.name == name for one in channels()):
        raise Overtaken(f"There is a channel {name!r} already", "name")
    channel = AlertChannel(name=name, kind=kind, enabled=enabled, alerts=alerts, events=list(events))
    channel.options = _checked(all_kinds()[kind], options, {})
    _check_events(channel)
    channel.save()
    audit(user, "add alert channel", _said(channel), after=_document(channel))
    return channel


@transaction.atomic
def change(name: str, user: Actor = None, **changed: Any) -> AlertChannel:
    """`changed`: `options` (those that are given), `enabled`, `alerts`, `events`. Of a channel of the environment all but
    its options. Raises NotFound, NotPossible or WrongInput."""
    channel = find(name)
    kind = _known(channel)
    before, old = _said(channel), _document(channel)
    given = changed.pop("options", None)
    if given and channel.from_environment:
        raise NotPossible("The options of this channel are set in the environment", "options")
    if given:
        channel.options = _checked(kind, given, channel.options)
    for field, value in changed.items():
        setattr(channel, field, list(value) if field == "events" else value)
    _check_events(channel)
    # What waited for an answer is tried at once
    channel.failures, channel.retry_at = 0, None
    channel.save()
    audit(user, "change alert channel", f"{before} → {_said(channel)}", old, _document(channel))
    return channel


def check(channel: AlertChannel, **given: Any) -> None:
    """What `add` or `change` would refuse of a channel's own. Raises WrongInput."""
    kind = all_kinds().get(given.get("kind", "") or channel.kind)
    wanted = {name: value for name, value in given.get("options", {}).items() if value or channel.pk}
    if kind and not channel.from_environment:
        _checked(kind, wanted, channel.options)
    events = given.get("events", channel.events)
    _check_events(AlertChannel(kind=kind.name if kind else "", events=events))


@transaction.atomic
def remove(name: str, user: Actor = None) -> None:
    """With what waits for it. Raises NotFound or NotPossible."""
    channel = find(name)
    if channel.from_environment:
        raise NotPossible("The channel is one of the environment: disable it, or remove it there")
    before = _document(channel)
    channel.delete()
    audit(user, "remove alert channel", name, before)


def send_test(name: str, user: Actor = None) -> None:
    """Send a test now. Raises NotFound, NotPossible or Unreachable."""
    channel = find(name)
    kind, options = _known(channel), options_of(channel)
    audit(user, "test alert channel", name)
    try:
        kind.send(options, [Message(str(uuid.uuid4()), "test", _test_body())])
    except (Refused, Unavailable) as error:
        raise Unreachable(f"The channel {name} does not take it: {error}") from None


def _known(channel: AlertChannel) -> Kind:
    kind = kind_of(channel)
    if kind is None:
        raise NotPossible(f"The channel is of a kind that there is not: {channel.kind}")
    return kind


def _test_body() -> dict[str, Any]:
    device = Instance.objects.order_by("-seen_at").values_list("instance_id", flat=True).first()
    return {
        "code": "test",
        "state": "firing",
        "severity": "warning",
        "device": device or "",
        "since": datetime.now(UTC).isoformat(),
        "message": "A test of this channel: nothing is wrong",
        "todo": "Nothing",
        "link": f"{get_settings().public_address}{RUNBOOKS}",
    }


def _checked(kind: Kind, given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    known = {one.name: one for one in kind.options}
    options = dict(before)
    for name, value in given.items():
        if name not in known:
            raise WrongInput(f"options has {name!r}; allowed for {kind.name}: {', '.join(known)}", "options")
        if value == MASK and known[name].secret:
            continue  # as it was shown
        if len(value) > LONGEST_OPTION:
            raise WrongInput(f"options: {name} is too long; allowed: {LONGEST_OPTION} characters", "options")
        try:
            known[name].parse(value)
        except WrongValue as wrong:
            shown = MASK if known[name].secret else value
            raise WrongInput(f"options: {name} is {shown!r}; allowed: {wrong}", "options") from None
        options[name] = value
    missing = _missing(kind, options)
    if missing:
        raise WrongInput(f"options: {missing} is missing", "options")
    return {name: value for name, value in options.items() if value}


def _missing(kind: Kind, options: Mapping[str, str]) -> str:
    whole = options_of(AlertChannel(kind=kind.name, options=dict(options)))
    return next((one.name for one in kind.options if one.required and not whole.get(one.name)), "")


def _check_events(channel: AlertChannel) -> None:
    kind = kind_of(channel)
    if channel.events and not (kind and kind.takes_events):
        raise wrong_value("events", channel.events, f"none for {channel.kind}")
    if unknown := [one for one in channel.events if one not in EVENTS]:
        raise wrong_value("events", unknown, ", ".join(EVENTS))


def _document(channel: AlertChannel) -> dict[str, Any]:
    """For the audit log: without secrets."""
    switches = {"enabled": channel.enabled, "alerts": channel.alerts, "events": list(channel.events)}
    return {"kind": channel.kind, "options": shown_options(channel), **switches}


def _said(channel: AlertChannel) -> str:
    """For the audit log: without addresses, which may hold a secret."""
    parts = [channel.kind, "on" if channel.enabled else "off"]
    parts += ["alerts"] if channel.alerts else []
    return f"{channel.name} ({', '.join([*parts, *channel.events])})"
