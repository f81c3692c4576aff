"""Gunicorn's settings: one process with threads, for SQLite has one writer and the work is elsewhere."""

from typing import Any

from syncapp.conf.settings import get_settings
from syncapp.process import memory

_settings = get_settings()

bind = f"{_settings.sync_web_bind}:{_settings.port}"
worker_class = "gthread"
workers = 1
threads = 8
preload_app = True  # the one that serves shares its memory with the one that watches over it
timeout = 60
graceful_timeout = 2  # an open live page must not hold up a stop
keepalive = 5
accesslog = None
limit_request_line = 8_190  # an address may hold a long `_id` (admin/document.py)
control_socket_disable = True  # it would be one file for all instances on this machine


def when_ready(server: Any) -> None:
    """Before the process that serves is forked: what its first request would load belongs to both."""
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
    memory.settle()
