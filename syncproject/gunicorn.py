"""Gunicorn's settings: one process with threads, for SQLite has one writer and the work is elsewhere."""

from syncapp.conf import get_settings

_settings = get_settings()

bind = f"{_settings.sync_web_bind}:{_settings.port}"
worker_class = "gthread"
workers = 1
threads = 8
timeout = 60
graceful_timeout = 2  # an open live page must not hold up a stop
keepalive = 5
accesslog = None
control_socket_disable = True  # it would be one file for all instances on this machine
