"""Gunicorn's settings: one process with threads, since SQLite has one writer and the work is done elsewhere."""

import sys
from typing import Any

from syncapp.conf.settings import get_settings
from syncapp.process import memory, priority

_settings = get_settings()

# Unfold and the REST framework load these where they are installed, for fields that no table here has (and with them
# psycopg, also over SQLite), and for pages that are not served: 7 MB
for _name in ("django.contrib.postgres", "markdown"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # as if it were not installed

bind = f"{_settings.sync_web_bind}:{_settings.port}"
worker_class = "gthread"
workers = 1
threads = 8
preload_app = True  # the serving process shares memory with its supervisor
timeout = 60
graceful_timeout = 2  # an open live page must not delay a stop
keepalive = 5
accesslog = None
limit_request_line = 8_190  # an address may hold a long `_id` (admin/document.py)
control_socket_disable = True  # it would be one file for all instances on this machine


def when_ready(server: Any) -> None:
    """Before the serving process is forked: load what its first request needs, shared by both."""
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
    memory.settle()


def post_worker_init(worker: Any) -> None:
    """In the serving process: threads do not survive a fork."""
    from monitoring.alerts.watchdog import Watchdog

    priority.step_behind()  # documents go before those who look on
    Watchdog().start()
