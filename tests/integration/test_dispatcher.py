"""What the listener makes of reports: of tasks that are slow, and of those that were decided by other rules than hold
now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from pymongo.database import Database

from syncapp.apply import reports
from syncapp.apply.messages import Report
from syncapp.conf.settings import load
from syncapp.core.changes import Change, ChangeBatch
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules, Urgency
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import BOTH, Batch, Ending, Fact, Outcome, Seen, Side
from syncapp.listener.dispatcher import BACK_MS, MOST_PATIENCE, Dispatcher, Reading
from syncapp.listener.intervals import USUAL
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.rules.rules import Rules
from syncapp.store.devices import DeviceReport
from tests.support.brokers import Broker, place
from tests.support.dirty import bring, key
from tests.support.eventually import eventually

RULES = Rules(enabled=True, paused=False, strategy="last-write-wins", exclusions=Exclusions(), version=1)
TIMEOUT = 1.0  # seconds, as SYNC_REPORT_TIMEOUT


class Listener:
    """Its part that hands out: one key, and tasks that are as old as a test wants."""

    def __init__(
        self, local: Database[dict[str, object]], atlas: Database[dict[str, object]], url: str
    ) -> None:
        settings = load({"CELERY_BROKER_URL": url, "SYNC_REPORT_TIMEOUT": str(round(TIMEOUT * 1000))})
        self.client = reports.connect(url)
        self.dirty = DirtyKeys()
        self.sent: list[Batch] = []
        guards = Safeguards(settings, {Side.LOCAL: local, Side.ATLAS: atlas}, "device", DeviceReport, USUAL)
        reader = self.client.reader(f"test:{local.name}:reports")
        self.dispatcher = Dispatcher(
            settings,
            self.dirty,
            MetricsBuffer(),
            self.sent.append,
            reader,
            guards,
            replace(USUAL, idle=0.001, busy=60.0),  # however slow this machine is
        )

    def change(self, count: int = 1) -> None:
        bring(self.dirty, Side.ATLAS, *map(key, range(count)))

    def hand_out(self, *readers: Reading) -> Batch | None:
        count = len(self.sent)
        self.dispatcher.hand_out(RULES, readers)
        return self.sent[-1] if len(self.sent) > count else None

    def report(self, batch: Batch, outcome: Outcome, rules: int = 0, worker: str = "") -> None:
        report = replace(Report.of(batch, [outcome], 1.0, rules), worker=worker)
        self.client.send(batch.reply_to, report)
        self.dispatcher.take_reports()

    def is_given_up(self, batch: Batch, seconds: float) -> bool:
        """Is it after so long without a sign of life?"""
        self.dirty._map.tasks.alive(batch.task_id, time.monotonic() - seconds)
        self.dispatcher.give_up_overdue()
        if batch.task_id in self.dirty.task_ids():
            return False
        told = "workers are told: RabbitMQ announces it to them"
        return eventually(lambda: not self.client.begin(batch.reply_to, batch.task_id, "a worker"), told)


@pytest.fixture
def listener(
    local_db: Database[dict[str, object]], atlas_db: Database[dict[str, object]], broker_server: Broker
) -> Iterator[Listener]:
    one = Listener(local_db, atlas_db, place(broker_server, 0))
    one.client.ping()  # what RabbitMQ announces reaches those who are connected
    yield one
    one.dispatcher.close()
    one.client.close()


def task(listener: Listener) -> Batch:
    """One for a document that has just changed."""
    listener.change()
    batch = listener.hand_out()
    assert batch is not None
    return batch


def done(batch: Batch, transfer: Side | None = None) -> Outcome:
    return Outcome(batch.items[0].key, Ending.DONE, transfer=transfer)


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        (60, [60]),
        (150, [100, 50]),
        (801, [401, 400]),
        (1_500, [750, 750]),
        (5_100, [2_000, 2_000]),  # SYNC_APPLY_BATCH_SIZE; the rest waits for a worker
        (13_000, [2_000] * 4),  # one task more for each worker
    ],
)
def test_workers_who_have_nothing_to_do_share_what_there_is(
    listener: Listener, changes: int, sizes: list[int]
) -> None:
    listener.change(changes)
    while listener.hand_out():
        pass
    assert [len(batch.items) for batch in listener.sent] == sizes


def test_several_workers_are_all_kept_busy(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one:1", "one:2", "two:1", "two:2"):
        batch = task(listener)
        listener.report(batch, done(batch), worker=name)
    listener.change(20_000)
    while listener.hand_out():
        pass
    assert len(listener.sent) - 4 == 2 * 4, "for four processes, though each worker's settings say two"
    listener.dirty.give_up(listener.dirty.task_ids())
    monkeypatch.setattr(listener.dispatcher.watch, "_clock", lambda: time.time() + USUAL.worker)
    del listener.sent[:]
    while listener.hand_out():
        pass
    assert len(listener.sent) == 2 * 2, "one of them has gone"


@dataclass
class Behind:
    """A reader of a stream that has more, whose newest event is from long ago."""

    first_lag_seconds: float
    lag_seconds: float = 60.0
    more: bool = True

    def is_alive(self) -> bool:
        return True


def test_what_goes_first_is_handed_out_while_the_rest_is_still_read(listener: Listener) -> None:
    first = CollectionRule("payments", urgency=Urgency.FIRST)
    listener.dispatcher.follow(replace(RULES, collections=CollectionRules((first,))))
    listener.change(3_000)
    assert listener.hand_out(Behind(0.0)) is None, "facts known so early are mostly outdated"
    change = Change(key(1, "payments"), Fact(7, 7, "device"))
    listener.dirty.take_ahead(Side.LOCAL, ChangeBatch([change], {}, 7))
    assert listener.hand_out(Behind(60.0)) is None, "so are these: the stream of their own is behind too"
    batch = listener.hand_out(Behind(0.0))
    assert batch is not None
    assert [item.key for item in batch.items] == [change.key]
    assert batch.hurry, "its stream will not come there for long"
    assert listener.hand_out(Behind(0.0)) is None


def test_tasks_may_take_longer_when_they_were_given_up_before_their_turn(listener: Listener) -> None:
    allowed = TIMEOUT
    for _ in range(8):
        batch = task(listener)
        assert not listener.is_given_up(batch, 0.9 * allowed)
        assert listener.is_given_up(batch, 1.1 * allowed)
        allowed = min(2 * allowed, MOST_PATIENCE * TIMEOUT)
    batch = task(listener)
    listener.report(batch, done(batch))
    assert listener.is_given_up(task(listener), 1.1 * TIMEOUT), (
        "one that is done shows that all is well again"
    )


@pytest.mark.parametrize("begun", [True, False])
def test_a_task_that_comes_back_from_the_broker_is_handed_out_again(listener: Listener, begun: bool) -> None:
    batch = task(listener)
    if begun:
        assert listener.client.begin(batch.reply_to, batch.task_id, "a worker that has ended")
    listener.client.send(batch.reply_to, Report(batch.task_id, batch.side, redelivered=True))
    eventually(lambda: (listener.dispatcher.take_reports(10), not listener.dirty.task_ids())[1], "it is told")
    again = listener.hand_out()
    if begun:
        assert again is None, "others go before it"
        listener.dirty.look(time.monotonic() + 60, 0)
        again = listener.hand_out()
    assert again is not None
    assert again.items[0].key == batch.items[0].key
    assert again.task_id != batch.task_id
    assert listener.dirty.superseded(batch.task_id)
    # Nobody knows whether the document ended the worker, until others have gone through meanwhile
    assert again.items[0].losses == int(begun)


def test_what_must_come_together_is_handed_out_as_one_with_whom_it_waits_for(listener: Listener) -> None:
    """Two documents want unique values of a third one, for which no event asks: the worker is told that all of them come
    together, so that it may write more at once."""
    listener.change(3)
    batch = listener.hand_out()
    assert batch is not None
    assert not batch.gathered
    other = key("other")
    read_at = dict.fromkeys(BOTH, 5)
    seen = Seen(dict.fromkeys(BOTH, bytes(16)), read_at, 1)
    outcomes = [Outcome(item.key, Ending.GATHER, seen=seen) for item in batch.items[:2]]
    outcomes += [Outcome(batch.items[2].key, Ending.DONE), Outcome(other, Ending.GATHER, seen=seen)]
    listener.client.send(batch.reply_to, Report.of(batch, outcomes, 1.0))
    listener.dispatcher.take_reports()
    assert listener.hand_out() is None, "they wait for the streams"
    for side in BOTH:
        bring(listener.dirty, side, read_to=5)
    together = listener.hand_out()
    assert together is not None
    assert together.gathered
    assert {item.key: item.seen for item in together.items} == dict.fromkeys(
        (*(item.key for item in batch.items[:2]), other), seen
    )


def test_what_a_broker_has_lost_is_asked_again_as_soon_as_it_is_back(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the first report has come, or a long wait for one is over."""
    waits: list[int] = []
    monkeypatch.setattr(listener.dispatcher._reports, "read", lambda wait_ms: waits.append(wait_ms) or [])
    batch = task(listener)
    listener.dispatcher._broker_down = True
    for _ in range(2):
        listener.dispatcher.take_reports(3_000)
    assert waits == [BACK_MS, 3_000]
    again = listener.hand_out()
    assert again is not None
    assert [item.key for item in again.items] == [item.key for item in batch.items]


def test_a_late_report_does_not_show_that_all_is_well(listener: Listener) -> None:
    late = task(listener)
    assert listener.is_given_up(late, 1.1 * TIMEOUT)
    listener.report(late, done(late))
    assert not listener.is_given_up(task(listener), 1.1 * TIMEOUT)


@pytest.mark.parametrize("ending", [Ending.OWED, Ending.DONE])
def test_what_older_rules_did_not_allow_is_looked_at_again_at_once(
    listener: Listener, ending: Ending
) -> None:
    batch = task(listener)
    listener.dispatcher.follow(replace(RULES, version=8))
    listener.report(batch, Outcome(batch.items[0].key, ending), rules=7)
    again = listener.hand_out()
    assert again is not None
    assert again.items[0].key == batch.items[0].key


@pytest.mark.parametrize("ending", [Ending.OWED, Ending.DONE])
def test_what_rules_did_not_allow_that_the_listener_never_saw_is_looked_at_again(
    listener: Listener, ending: Ending
) -> None:
    listener.dispatcher.follow(replace(RULES, version=6))
    batch = task(listener)
    listener.report(batch, Outcome(batch.items[0].key, ending), rules=7)
    assert listener.hand_out() is None, "round and round, until the listener follows"
    assert listener.dirty.safe().tokens[Side.ATLAS] is None, "a crash would lose it"
    listener.dispatcher.follow(replace(RULES, version=8))
    assert listener.hand_out() is not None


@pytest.mark.parametrize(("version", "left"), [(5, 1), (6, 0), (7, 1)])
def test_what_was_transferred_is_done_unless_by_other_rules(
    listener: Listener, version: int, left: int
) -> None:
    """What older ones transferred is looked at again, since the comparison of the newer ones may have passed it; and what newer
    ones did, which may be gone before the listener sees them."""
    listener.dispatcher.follow(replace(RULES, version=6))
    batch = task(listener)
    listener.report(batch, done(batch, Side.LOCAL), rules=version)
    assert listener.dirty.size == left


def test_what_needs_nothing_by_the_rules_that_hold_is_done(listener: Listener) -> None:
    listener.dispatcher.follow(replace(RULES, version=6))
    batch = task(listener)
    listener.report(batch, done(batch), rules=6)
    assert listener.dirty.size == 0
