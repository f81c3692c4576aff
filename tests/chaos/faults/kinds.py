"""All kinds of faults, and how often each."""

from __future__ import annotations

from syncapp.core.values import Side
from tests.chaos.faults.disk import database_locked, disk_full
from tests.chaos.faults.fault import Kind
from tests.chaos.faults.network import network
from tests.chaos.faults.processes import forget_token, freeze, history_lost, kill, switched_off
from tests.chaos.faults.servers import (
    broker_flushed,
    broker_full,
    broker_killed,
    clock,
    mongod_away,
    mongod_frozen,
)
from tests.support.faketime import faketime

KINDS: tuple[tuple[int, Kind], ...] = (  # how often, and what
    (4, kill("listener")),
    (4, kill("worker")),
    (4, kill("worker child")),
    (2, kill("beat")),
    (2, kill("web")),
    (1, kill("flower")),
    (1, kill("manager")),
    (1, kill("starter")),
    (1, switched_off),
    (1, history_lost),
    (3, freeze("listener")),
    (2, freeze("worker")),
    (3, freeze("worker child")),
    (2, forget_token(Side.ATLAS)),
    (2, forget_token(Side.LOCAL)),
    (4, mongod_away("killed")),
    (2, mongod_away("stopped and started")),
    (3, mongod_frozen),
    (2, clock),
    (3, broker_killed),
    (3, broker_flushed),
    (2, broker_full),
    (4, network("cut")),
    (4, network("black hole")),
    (4, network("slow")),
    (2, database_locked),
    (2, disk_full),
)


def possible(kinds: tuple[tuple[int, Kind], ...] = KINDS) -> list[tuple[int, Kind]]:
    """Those that this machine can do."""
    return [(weight, kind) for weight, kind in kinds if kind is not clock or faketime()]
