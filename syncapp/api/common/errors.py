"""How the API answers what went wrong: the status of its kind, one clear line under `detail`, and beside it the `code` and
the `field` for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from monitoring.failures import CODES
from syncapp.services.away import what_is_away
from syncapp.services.errors import (
    KeyReused,
    NotAllowed,
    NotFound,
    NotPossible,
    Overtaken,
    ServiceError,
    Unreachable,
    WrongInput,
)

log = structlog.get_logger(__name__)
STATUSES: Mapping[type[ServiceError], int] = {
    WrongInput: 400,
    NotAllowed: 403,
    NotFound: 404,
    Overtaken: 409,
    NotPossible: 409,
    KeyReused: 422,
    Unreachable: 503,
}


class Refused(APIException):
    """A service's error as the framework's."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__(error.detail)
        self.status_code = STATUSES[type(error)]
        self.code = error.code
        self.field = error.field


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    away = None if isinstance(exception, APIException | ServiceError) else what_is_away(exception)
    if away is not None:
        log.warning("Request failed", event_name="unavailable", error=str(exception))
        exception = Unreachable(away)
    if isinstance(exception, ServiceError):
        exception = Refused(exception)
    response = exception_handler(exception, context)
    if response is not None:
        response.data = _body(exception, response)
    return response


def _body(exception: Exception, response: Response) -> dict[str, str | None]:
    if isinstance(exception, Refused):
        return as_document(str(exception.detail), exception.code, exception.field)
    detail = exception.detail if isinstance(exception, APIException) else response.data["detail"]
    return as_document(" · ".join(_lines(detail)), CODES[response.status_code], _field(detail))


def as_document(detail: str, code: str, field: str | None = None) -> dict[str, str | None]:
    # Lone surrogates of a given name cannot be encoded
    return {"detail": detail.encode("utf-8", "backslashreplace").decode(), "code": code, "field": field}


def _field(detail: Any) -> str | None:
    """The field concerned, if any."""
    names = list(detail) if isinstance(detail, Mapping) else []
    return str(names[0]) if len(names) == 1 and names != ["non_field_errors"] else None


def _lines(detail: Any, field: str = "") -> list[str]:
    if isinstance(detail, Mapping):
        return [line for name, part in detail.items() for line in _lines(part, str(name))]
    if isinstance(detail, list):
        return [line for part in detail for line in _lines(part, field)]
    text = str(detail)
    # Messages of our own fields contain the field's name; those of the framework do not
    return [
        text if not field or field == "non_field_errors" or text.startswith(field) else f"{field}: {text}"
    ]
