"""One clear line for bad input: which field, which value, what is allowed; always under `detail`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from syncapp.services.away import what_is_away

log = structlog.get_logger(__name__)


class ServiceUnavailable(APIException):
    """Something that the request needs cannot be reached at the moment."""

    status_code = 503
    default_code = "unavailable"


class NotPossible(APIException):
    """The request is understood, but what it wants cannot be done as things stand."""

    status_code = 409
    default_code = "conflict"


def shown(value: Any) -> str:
    """A value as the caller wrote it, cut to a length that can be read."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "nested too deeply"
    # Halves of a character, control characters: a line that can be sent and printed
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 100 else text[:100] + "…"


def wrong(field: str, value: Any, allowed: str) -> ValidationError:
    return ValidationError(f"{field} is {shown(value)}; allowed: {allowed}")


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    away = None if isinstance(exception, APIException) else what_is_away(exception)
    if away is not None:
        log.warning("A request could not be answered", event_name="unavailable", error=str(exception))
        exception = ServiceUnavailable(away)
    response = exception_handler(exception, context)
    if response is not None and isinstance(exception, APIException):
        line = " · ".join(_lines(exception.detail))
        # Halves of a character, of a name that was sent: they cannot be sent back
        response.data = {"detail": line.encode("utf-8", "backslashreplace").decode()}
    return response


def _lines(detail: Any, field: str = "") -> list[str]:
    if isinstance(detail, Mapping):
        return [line for name, part in detail.items() for line in _lines(part, str(name))]
    if isinstance(detail, list):
        return [line for part in detail for line in _lines(part, field)]
    text = str(detail)
    # Messages of our own fields name the field already; those of the framework do not
    return [
        text if not field or field == "non_field_errors" or text.startswith(field) else f"{field}: {text}"
    ]
