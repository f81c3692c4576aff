"""Is everything there that sync consists of: both databases, the broker, a worker, the listener, beat?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from syncapp.apply.queues import MAINTENANCE_QUEUE
from syncapp.core.scratch import PREFIX
from syncapp.core.values import BOTH, Side
from syncapp.doctor import connections
from syncapp.doctor.checks import broker, privileges, servers, workers
from syncapp.doctor.values import Finding, Level, Setup
from syncapp.models import Instance
from syncapp.selftest.bench import Bench, milliseconds
from syncapp.selftest.part import Part
from syncapp.selftest.ready import DISABLED, NO_LISTENER, PAUSED
from syncapp.selftest.values import Line, Missed, failed, passed
from syncapp.services import switches
from syncapp.store.instance import known_instance_id
from syncapp.store.lease import active_listener
from syncapp.store.selftest import BEAT_TASK, Kind, beat_sent

BEAT_S = 20.0  # beat looks for new tasks every five seconds
IN_ORDER = {Instance.Stream.CONNECTED, Instance.Stream.STOPPED}  # stopped on purpose, which another line says
SILENT = timedelta(seconds=15)  # a working listener reports each second


def look(bench: Bench) -> Iterator[Line]:
    yield from _servers(bench)
    setup = Setup(bench.settings)
    tasks = [*_shown(broker.look(setup))]
    if all(line.ok for line in tasks):
        tasks += _shown(workers.look(setup), notes=True)
    yield from tasks
    yield _switch(switches.show())
    if Side.LOCAL in bench.databases:
        yield _listener(bench)
        if all(line.ok for line in tasks):  # otherwise nothing that beat sends would be seen
            yield _beat(bench)


def _servers(bench: Bench) -> Iterator[Line]:
    """What the doctor says about them; how to fix it, it says too."""
    found, lines = connections.open_databases(Setup(bench.settings))
    yield from _shown(lines)
    setup = Setup(bench.settings, found)
    try:
        for side in BOTH:
            if side in found:
                yield from _shown(servers.look(setup, side))
                scratch = bench.unsynced(side) if Side.LOCAL in bench.databases else ""
                tried = privileges.ask(found[side], scratch)
                yield from _shown(privileges.judge(side, setup.database_name(side), tried))
    finally:
        for database in found.values():
            database.client.close()


def _shown(findings: Iterable[Finding], notes: bool = False) -> Iterator[Line]:
    """`notes`: what is only a note to the doctor is missing here."""
    for one in findings:
        if one.level is Level.OK:
            yield passed(one.text)
        elif one.level is Level.FAILED or (notes and one.level is Level.NOTE):
            yield failed(f"{one.text}: `manage.py sync_doctor` says how to fix it")


def _listener(bench: Bench) -> Line:
    holder = active_listener(bench.local)
    if not holder:
        return failed(NO_LISTENER)
    device = Instance.objects.filter(instance_id=known_instance_id(bench.local)).first()
    if device is None or device.seen_at is None or timezone.now() - device.seen_at > SILENT:
        return failed(
            f"The listener is active ({holder}), and has not reported for {SILENT.seconds} s or more"
        )
    if device.waiting_for:
        return failed(device.waiting_for)
    streams = (device.local_stream, device.atlas_stream)
    if set(streams) - IN_ORDER:
        return failed(f"Change streams: local {streams[0]}, Atlas {streams[1]}. {device.last_error}".strip())
    return passed(
        f"The listener is active ({holder}), and its change streams are in order", pending=device.queue_size
    )


def _switch(found: switches.SyncSwitches) -> Line:
    if found.paused:
        return failed(PAUSED)
    return passed("Bidirectional sync is enabled") if found.enabled else failed(DISABLED)


def _beat(bench: Bench) -> Line:
    """Given a periodic task of our own, beat sends it, and a worker does it."""
    name = f"{PREFIX}{bench.wanted.run}"
    bench.plan(Kind.TASK, name)
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    started = time.monotonic()
    PeriodicTask.objects.create(
        name=name, task=BEAT_TASK, interval=second, one_off=True, queue=MAINTENANCE_QUEUE, args=f'["{name}"]'
    )
    try:
        bench.until(lambda: beat_sent(bench.local, name), "Beat sent no task", BEAT_S)
    except Missed as missed:
        return failed(f"{missed}: is beat running, and a worker for the queue {MAINTENANCE_QUEUE}?")
    took = milliseconds(started)
    return passed(f"Beat sent a task, and a worker did it, after {took / 1000:.1f} s", beatMs=took)


PART = Part(
    "basic",
    "connections, replica sets, privileges, broker, worker, listener, beat",
    look,
    place=1,
    live=False,
)
