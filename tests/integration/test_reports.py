"""Workers' reports are read once each, also when the broker was down for a while."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest
import redis

from syncapp.apply.messages import Report, encode_report
from syncapp.apply.reports import ReportReader, connect
from syncapp.apply.reports.by_redis import RedisReader, RedisReports
from syncapp.core.values import Side
from syncapp.embedded.redis import Redis
from tests.support.eventually import eventually


@pytest.fixture
def client(redis_server: Redis) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


def read(reader: ReportReader) -> list[str]:
    return [report.task_id for report in reader.read(wait_ms=10)]


def test_reports_that_were_read_are_not_read_again_when_the_broker_is_back(client: redis.Redis) -> None:
    stream = uuid.uuid4().hex
    sender, reader = RedisReports(client), RedisReader(client, stream)
    sender.send(stream, Report("a", Side.LOCAL))
    assert read(reader) == ["a"]
    sender.send(stream, Report("b", Side.LOCAL))
    reader.come_back()
    assert read(reader) == ["b"], "counted twice, figures would not add up"
    reader.come_back()
    assert read(reader) == []


def test_a_broker_that_comes_back_empty_and_with_an_earlier_clock_is_read_from_its_start(
    client: redis.Redis,
) -> None:
    stream = uuid.uuid4().hex
    sender, reader = RedisReports(client), RedisReader(client, stream)
    sender.send(stream, Report("a", Side.LOCAL))
    assert read(reader) == ["a"]
    client.delete(stream)
    client.xadd(stream, {"report": encode_report(Report("b", Side.LOCAL))}, id="5-1")
    reader.come_back()
    assert read(reader) == ["b"]


def test_a_stop_does_not_cut_off_who_waits_for_reports(client: redis.Redis, redis_server: Redis) -> None:
    """He would take it for a broker that is away: health would say so after every stop."""
    stream, got = uuid.uuid4().hex, list[str]()
    reader = connect(redis_server.url).reader(stream)
    waiting = threading.Thread(target=lambda: got.extend(report.task_id for report in reader.read(9_000)))
    waiting.start()
    eventually(lambda: any(one["cmd"] == "xread" for one in client.client_list()), "it waits", 5)
    reader.close()
    RedisReports(client).send(stream, Report("a", Side.LOCAL))
    waiting.join(10)
    assert got == ["a"]
