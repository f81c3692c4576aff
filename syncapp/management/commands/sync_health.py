"""`manage.py sync_health`: the check for Nagios and cron. Exit status 0 ok, 1 warning, 2 critical, 3 unknown."""

from __future__ import annotations

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from monitoring.check import Check, away, check_of, unknown
from monitoring.facts import take_snapshot
from syncapp.conf.broker import Kind, broker_of
from syncapp.conf.settings import get_settings
from syncapp.doctor.checks.broker import ERRORS, ask_as_celery
from syncapp.management.command import SyncCommand
from syncapp.mongo.error_text import describe
from syncapp.services.away import NOT_SET_UP, what_is_away

SECONDS, BROKER_SECONDS = 10.0, 3.0
WRONG_USE = 3


class TookTooLong(Exception):
    """No answer within --timeout."""


class Command(SyncCommand):
    help = (
        "One line for Nagios and cron: status, reasons, and figures after the bar. "
        "Exit status: 0 ok, 1 warning, 2 critical, 3 unknown (not set up, wrong settings, wrong use)."
    )
    examples = {
        "": "the line, and the exit status",
        "--json": "for scripts: status, exitStatus, message, reasons, more, figures",
        "--timeout 5": "critical if Django's database has not answered by then",
    }
    requires_system_checks = []
    refused = WRONG_USE

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.exit = partial(_leave, parser)  # type: ignore[method-assign,assignment]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument(
            "--timeout", type=float, default=SECONDS, metavar="S", help=f"seconds; default: {SECONDS:g}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["timeout"] <= 300:
            raise CommandError(
                f"--timeout is {options['timeout']:g}; allowed: more than 0, at most 300",
                returncode=WRONG_USE,
            )
        found = self.look(options["timeout"])
        text = (
            json.dumps(found.as_document(), indent=2, ensure_ascii=False) if options["json"] else str(found)
        )
        self.stdout.write(text)
        sys.exit(int(found.state))

    def look(self, seconds: float) -> Check:
        away_broker = broker_away(min(BROKER_SECONDS, seconds))
        try:
            with _at_most(seconds):
                return check_of(take_snapshot(), away_broker)
        except TookTooLong:
            why = f"Django's database has not answered for {seconds:g} s: sync status unknown"
        except (DatabaseError, InterfaceError) as error:
            what = what_is_away(error) or describe(error)
            if what == NOT_SET_UP:
                return unknown(what)
            why = f"{what} ({describe(error)}): sync status unknown"
        except Exception as error:  # a traceback would end with 1, which means a warning
            return unknown(f"{type(error).__name__}: {describe(error)}")
        return away(why, [away_broker] if away_broker else [])


def broker_away(seconds: float) -> str:
    """That the broker does not answer, and why; empty: it does, or none is set."""
    url = get_settings().celery_broker_url
    if not url:
        return ""
    broker = broker_of(url)
    try:
        if broker.kind is Kind.RABBITMQ:
            limits = {"read_timeout": seconds, "write_timeout": seconds}
            ask_as_celery(replace(broker, options={**broker.options, **limits}))
        else:
            with broker.client(seconds, seconds) as client:
                client.ping()
    except ERRORS as error:
        return f"The broker ({broker.kind}) does not answer: {describe(error)}"
    return ""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """A database that is frozen never answers."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _leave(parser: ArgumentParser, status: int = 0, message: str | None = None) -> None:
    """2 would mean that sync is critical."""
    ArgumentParser.exit(parser, WRONG_USE if status else 0, message)
