"""`make run`: starts servers and processes under Supervisor, reports when they are up, and stops them in order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from monitoring.facts import take_snapshot
from syncapp.conf.home_lock import RunLock
from syncapp.conf.running import keep_environment
from syncapp.conf.settings import SyncSettings, get_settings
from syncapp.embedded import wait
from syncapp.embedded.block import Addresses, describe
from syncapp.embedded.ending import STOPPING, end_everything
from syncapp.embedded.first_look import FirstLook
from syncapp.embedded.first_look import say as step
from syncapp.embedded.last_words import hint
from syncapp.embedded.mongod import direct_client, make_primary
from syncapp.embedded.plan import Plan, make_plan
from syncapp.embedded.probe import Health, probe
from syncapp.embedded.programs import DEMO, programs
from syncapp.embedded.redis import redis_is_ready, redis_url
from syncapp.embedded.supervisor import APP, SERVERS, Supervised, Supervisor
from syncapp.embedded.tether import adopt_orphans
from syncapp.rules.switches import get_switches
from syncapp.services.set_up import prepare

SERVERS_TIMEOUT = 60.0  # seconds
ENDING_TIMEOUT = 8.0  # a killed run's server may lock the folder for seconds
HEALTH_TIMEOUT = 60.0
DEGRADED_TIMEOUT = 20.0
# These first: on a small machine starting all at once would take seconds longer
NEEDED_FOR_HEALTH = ("web", "listener", "worker")


class Stopped(Exception):
    """A stop was requested (Ctrl-C, SIGTERM, or the terminal was closed)."""


class StartFailed(Exception):
    """The text is the line for the operator."""


def run(settings: SyncSettings, look: FirstLook, say: Callable[[str], None]) -> int:
    """Run until stopped; the exit status. Raises what `RunLock.take` and `make_plan` raise.

    `look`: the check of the configured databases.
    """
    lock = RunLock(settings.home)
    lock.take()
    try:
        plan = make_plan(settings, os.environ)
        os.environ.update(plan.environment)
        get_settings.cache_clear()
        return _run(get_settings(), plan, lock, look, say)
    finally:
        lock.release()


def _run(
    settings: SyncSettings, plan: Plan, lock: RunLock, look: FirstLook, say: Callable[[str], None]
) -> int:
    """On success it replaces this process (wait.py)."""
    adopt_orphans()
    keep_environment(settings.home, plan.environment)
    supervisor = Supervisor(settings.home, _programs(plan, settings.is_small))
    try:
        with _signals_raise():
            servers = ", ".join(f"{server.name} (port {server.port})" for server in plan.servers)
            step("Starting the process manager" + (f" and the servers {servers}" if servers else ""))
            supervisor.start(os.environ, lock.fileno)
            admin = prepare(settings, step)  # in parallel with the servers' start
            _wait_for_servers(plan, supervisor)
            step("Starting " + ", ".join(NEEDED_FOR_HEALTH))
            for name in NEEDED_FOR_HEALTH:
                supervisor.call("startProcess", f"{APP}:{name}", False)
            health = _wait_for_health(settings, supervisor, look)
            supervisor.call("startProcessGroup", APP, False)  # the others; these run already
            health = replace(health, not_running=_not_running(supervisor), reasons=_reasons(health))
            addresses = Addresses.of(settings, plan)
            say(describe(settings, admin, health, addresses, get_switches().enabled))
            wait.become(supervisor.pid, lock.fileno, settings.home, 0 if health.is_good else settings.port)
    except Stopped:
        say("Stopping …")
        return 0
    except StartFailed as failure:
        say(str(failure))
        return 1
    finally:
        end_everything(supervisor.pid, settings.home)


def _programs(plan: Plan, is_small: bool) -> list[Supervised]:
    servers = [Supervised(server.name, SERVERS, server.command) for server in plan.servers]
    ours = [*programs(is_small), *([DEMO] if plan.is_demo else [])]
    return servers + [Supervised(p.name, APP, p.command, p.stop_seconds, p.orphan_signal) for p in ours]


def _wait_for_servers(plan: Plan, supervisor: Supervisor) -> None:
    for server in plan.servers:
        if server.is_mongod:
            with direct_client(server.port) as client:
                _wait(lambda: make_primary(client, server.port, server.name), server.name, supervisor)  # noqa: B023
        else:
            _wait(lambda: redis_is_ready(redis_url(server.port)), server.name, supervisor)  # noqa: B023
    _wait(lambda: _answers(supervisor), "the process manager", supervisor)


def _wait(is_ready: Callable[[], bool], name: str, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + SERVERS_TIMEOUT
    has_ended = False
    while not is_ready():
        if not has_ended and supervisor.ends_again(name):
            has_ended, deadline = True, time.monotonic() + ENDING_TIMEOUT
        if supervisor.has_ended or time.monotonic() > deadline:
            raise StartFailed(_why(name, supervisor))
        time.sleep(0.05)


def _why(name: str, supervisor: Supervisor) -> str:
    words, log = supervisor.why(name), supervisor.log(name)
    lines = [
        f"{name} did not start: {words}",
        hint(words),
        f"More is in {log if log.exists() else supervisor.logs}",
    ]
    return "\n".join(filter(None, lines))


def _answers(supervisor: Supervisor) -> bool:
    try:
        return bool(supervisor.call("getState"))
    except OSError:
        return False


def _wait_for_health(settings: SyncSettings, supervisor: Supervisor, look: FirstLook) -> Health:
    """The health within a time limit: a database that is down must not delay the start."""
    is_hopeful, said = look.is_fine(), ""
    deadline = time.monotonic() + HEALTH_TIMEOUT
    degraded_deadline = None
    while True:
        health, now = probe(settings.port), time.monotonic()
        state = health.sync if health.web else "the web process does not answer yet"
        if state != said:
            step(f"Waiting for sync to be healthy: {state}")
            said = state
        if health.is_good or now > deadline or supervisor.has_ended:
            return health
        if health.web and not is_hopeful and take_snapshot().facts.start is not None:
            return health  # the listener reports the problem, too
        if health.sync == "degraded":
            # It works, but may have been slow minutes ago: that does not change while we wait
            degraded_deadline = degraded_deadline or now + DEGRADED_TIMEOUT
            if now > degraded_deadline:
                return health
        time.sleep(0.25)


def _reasons(health: Health) -> tuple[str, ...]:
    """Details that the API only shows with a login."""
    return () if health.is_good else tuple(reason.text for reason in take_snapshot().health.reasons)


def _not_running(supervisor: Supervisor) -> tuple[str, ...]:
    try:
        states = supervisor.call("getAllProcessInfo")
    except OSError:
        return ()
    return tuple(state["name"] for state in states if state["statename"] not in {"RUNNING", "STARTING"})


@contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    for number in STOPPING:
        signal.signal(number, stop)
    yield
