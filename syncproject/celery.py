"""The Celery application: queues, routes, and settings by which a killed worker loses nothing.

The broker may still lose a task (Redis between pop and unacked, RabbitMQ with its memory). That is harmless: the saved resume token
is authoritative, and the listener re-queues every key whose task does not report.
"""

import os
from typing import Any

import bson
from celery import Celery
from celery.signals import beat_init, worker_before_create_process
from kombu import Connection as KombuConnection
from kombu import Queue
from kombu.serialization import register

from syncapp.apply.queues import MAINTENANCE_QUEUE, PULL_QUEUE, PUSH_QUEUE
from syncapp.process import memory
from syncproject.alive import Alive

LONGEST_WAIT_SECONDS = 8

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncproject.settings")
os.environ.setdefault("FLOWER_ADDRESS", "127.0.0.1")  # its own default is all addresses, without a password
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # they concern web pages


class Connection(KombuConnection):
    """Like Celery's, but it reconnects sooner: the default waits for up to half a minute."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        return super()._ensure_connection(*args, **{"interval_max": LONGEST_WAIT_SECONDS, **options})


def _encode(body: Any) -> Any:
    return bson.encode({"body": body})


def _decode(data: Any) -> Any:
    return bson.decode(data)["body"]


register(
    "bson",
    _encode,
    _decode,
    content_type="application/bson",
    content_encoding="binary",
)

app = Celery("isthmus")
app.amqp.Connection = Connection
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in (PULL_QUEUE, PUSH_QUEUE, MAINTENANCE_QUEUE)]
app.conf.task_default_queue = MAINTENANCE_QUEUE
app.autodiscover_tasks(["syncapp"])
app.steps["worker"].add(Alive)


@worker_before_create_process.connect
def _set_up_memory(**kwargs: Any) -> None:
    memory.set_up_allocator()
    memory.settle()


@beat_init.connect
def _settle(**kwargs: Any) -> None:
    memory.settle()
