"""How an alert goes on: a pure function of what it is, what is wrong now, and the time.

    pending → firing → acknowledged → resolved; any of them → silenced, until a time

A notice is due when it begins to fire, when it gets worse, when a silence has ended and it still fires, and once at its
end if it was told before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from syncapp.models import Alert

State, Severity = Alert.State, Alert.Severity


class Notice(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Life:
    """`told`: the severity that channels know; None: they were told nothing. `lasted_s`: until it fires. `calm_s`: for how long it
    has not been wrong, though it was told and does not count as over yet."""

    state: Alert.State
    severity: Alert.Severity
    lasted_s: float = 0.0
    told: Alert.Severity | None = None
    silenced_until: datetime | None = None
    calm_s: float = 0.0


def begin(severity: Alert.Severity, now: datetime, silenced_until: datetime | None = None) -> Life:
    """`silenced_until`: of an earlier one of this code about the same: a silence outlasts what flaps."""
    silent = silenced_until is not None and now < silenced_until
    state = State.SILENCED if silent else State.PENDING
    return Life(state, severity, silenced_until=silenced_until if silent else None)


def go_on(
    life: Life, severity: Alert.Severity, for_s: float, elapsed_s: float, now: datetime
) -> tuple[Life, Notice | None]:
    """It is still wrong, `elapsed_s` later."""
    life = replace(life, severity=severity, lasted_s=life.lasted_s + elapsed_s, calm_s=0.0)
    if life.state == State.SILENCED:
        if life.silenced_until is not None and now < life.silenced_until:
            return life, None
        life = replace(life, state=State.PENDING, silenced_until=None)
    if life.state == State.PENDING:
        return _fire(life) if life.lasted_s >= for_s or life.told else (life, None)
    return _fire(life) if life.told == Severity.WARNING != severity else (life, None)


def _fire(life: Life) -> tuple[Life, Notice]:
    return replace(life, state=State.FIRING, told=life.severity), Notice.FIRING


def end(life: Life, settles_s: float = 0.0, elapsed_s: float = 0.0) -> tuple[Life, Notice | None]:
    """It is no longer wrong, `elapsed_s` later, or its rule was switched off. `settles_s`: what was told must be right for so long
    before it is over: a figure beside its bound would be told of again and again."""
    life = replace(life, calm_s=life.calm_s + elapsed_s)
    if life.told and life.calm_s < settles_s:
        return life, None
    return replace(life, state=State.RESOLVED), Notice.RESOLVED if life.told else None
