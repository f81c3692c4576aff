"""The reports of the broker that the settings name."""

from __future__ import annotations

from syncapp.apply.reports.values import Reports
from syncapp.conf.broker import Kind, broker_of


def connect(url: str) -> Reports:
    """`url`: as CELERY_BROKER_URL has it. Only the client of that broker is loaded."""
    broker = broker_of(url)
    if broker.kind is Kind.RABBITMQ:
        from syncapp.apply.reports.by_rabbitmq import RabbitReports

        return RabbitReports(broker)
    from syncapp.apply.reports.by_redis import RedisReports

    return RedisReports(broker.client())
