"""Logging of all processes: structlog and the standard library in one format, plain or JSON.

Lines go to standard output and to `SYNC_HOME/logs/app.log`; errors also to `error.log`. A line is a
message, a stable `event_name`, and ids; never a document's body. Passwords in
URLs are masked in the final text, tracebacks included.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from celery.signals import setup_logging

from syncapp.conf.plain_structlog import structlog
from syncapp.conf.settings import SyncSettings
from syncapp.core.text.masking import mask_passwords
from syncapp.core.text.one_line import one_line, several_lines

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor, WrappedLogger


def level_in_capitals(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """For `grep ERROR`."""
    if "level" in event:
        event["level"] = event["level"].upper()
    return event


_BEFORE_RENDERING: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    level_in_capitals,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def is_no_mere_answer(record: logging.LogRecord) -> bool:
    """Django logs each 404, 403 and 503 as an error; only exceptions matter to an operator."""
    return record.exc_info is not None


def escape(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Keep each record on one line. Only a traceback, which is added later, has several lines."""
    return {key: one_line(value) if isinstance(value, str) else value for key, value in event.items()}


class Masked:
    """Renders a line with another renderer, then masks passwords."""

    def __init__(self, render: Processor) -> None:
        self.render = render

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        return mask_passwords(several_lines(str(self.render(logger, name, event))))


def formatter(form: str) -> structlog.stdlib.ProcessorFormatter:
    """The formatter of a form, `plain` or `json`."""
    render: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        render += [
            structlog.processors.format_exc_info,
            Masked(structlog.processors.JSONRenderer(default=str)),
        ]
    else:
        render += [
            escape,
            Masked(
                structlog.dev.ConsoleRenderer(
                    colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
                )
            ),
        ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_BEFORE_RENDERING, processors=render)


def configuration(settings: SyncSettings) -> dict[str, Any]:
    """The value of Django's LOGGING."""
    folder = settings.home / "logs"
    shared_file = "syncapp.conf.log_files.SharedRotatingFileHandler"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "form": settings.sync_log_format}},
        "filters": {"failures": {"()": lambda: is_no_mere_answer}},
        "handlers": {
            "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
            "app": {"class": shared_file, "filename": str(folder / "app.log"), "formatter": "line"},
            "error": {
                "class": shared_file,
                "filename": str(folder / "error.log"),
                "formatter": "line",
                "level": "ERROR",
            },
        },
        "root": {"handlers": ["out", "app", "error"], "level": settings.sync_log_level},
        "loggers": {
            # These install their own handlers: their lines must look like all others
            **{
                name: {"handlers": [], "propagate": True, "level": "INFO"}
                for name in ("django", "django.server", "gunicorn.error", "celery")
            },
            "django.request": {"filters": ["failures"], "level": "WARNING"},
            # Verbose at INFO, without use for an operator
            **{
                name: {"level": "WARNING"}
                for name in ("pymongo", "django.db.backends", "celery.worker.strategy", "celery.app.trace",
                             "django_structlog", "kombu", "tornado.access")
            },
        },
    }  # fmt: skip


def configure_structlog() -> None:
    """Let `structlog.get_logger(__name__)` write through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_BEFORE_RENDERING,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery does not configure logging if this signal has a receiver."""
