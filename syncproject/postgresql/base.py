"""Django's PostgreSQL backend with time limits: the host of a frozen server still acknowledges packets,
so neither driver nor kernel would ever end the wait for an answer.

A timeout raises OperationalError and closes the connection. After a server has not answered
in time, connection attempts fail at once for a moment, instead of waiting one after the other.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base, schema
from psycopg import errors
from psycopg.abc import PQGen

T = TypeVar("T")
CHECK_SECONDS = 3.0  # for the check of a pooled connection
ANSWER_SECONDS = 20.0
PAUSE_SECONDS = 3.0


class Connection(psycopg.Connection[Any]):
    answer_seconds: float | None = ANSWER_SECONDS  # None: no bound
    timed_out = False

    def wait(self, gen: PQGen[T], *arguments: Any, **options: Any) -> T:
        try:
            return super().wait(gen, *arguments, **{"timeout": self.answer_seconds, **options})
        except errors._WaitTimeout:
            self.timed_out = True
            self.close()  # the late answer would be read next
            raise psycopg.OperationalError(_no_answer(self.answer_seconds or 0)) from None


def _no_answer(seconds: float) -> str:
    return f"the server has not answered for {seconds:g} s"


class SchemaEditor(schema.DatabaseSchemaEditor):
    """A migration takes as long as it takes."""

    def __enter__(self) -> Any:
        self._bound(None)
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        finally:
            self._bound(ANSWER_SECONDS)

    def _bound(self, seconds: float | None) -> None:
        self.connection.ensure_connection()
        self.connection.connection.answer_seconds = seconds


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": Connection.connect})
    away_until = 0.0  # of time.monotonic; one for all threads

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if time.monotonic() < DatabaseWrapper.away_until:
            raise psycopg.OperationalError(_no_answer(CHECK_SECONDS))
        try:
            return super().get_new_connection(conn_params)
        except errors.ConnectionTimeout:
            self._pause()
            raise

    def is_usable(self) -> bool:
        kept = self.connection
        if kept is None or time.monotonic() < DatabaseWrapper.away_until:
            return False
        kept.answer_seconds = CHECK_SECONDS
        usable: bool = super().is_usable()
        kept.answer_seconds = ANSWER_SECONDS
        if kept.timed_out:
            self._pause()
        return usable

    @staticmethod
    def _pause() -> None:
        DatabaseWrapper.away_until = time.monotonic() + PAUSE_SECONDS
