"""The API's schema: the common error responses of all addresses, besides those that a view declares; request
bodies accept no other names."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS, AllowAny

from monitoring.failures import CODES
from syncapp.api.common.errors import STATUSES
from syncapp.api.common.once import PARAMETER

ALL_CODES = sorted({*CODES.values(), *(kind.code for kind in STATUSES)})
WHY = {
    400: "Bad input: the field, its value, and what is allowed",
    401: "No login, or a wrong one",
    403: "The login may not do this: it needs the permission syncapp.operate_sync",
    404: "Not found",
    409: "Not possible in the current state",
    415: "The content type of the body is not supported",
    422: "The Idempotency-Key was sent before, with another request",
    429: "Too many requests: retry after Retry-After seconds",
    503: "A required service is unavailable at the moment",
}


class ErrorOut(serializers.Serializer):
    detail = serializers.CharField(help_text="One line for people")
    code = serializers.CharField(help_text=f"Its kind, for programs: {', '.join(ALL_CODES)}")
    field = serializers.CharField(
        allow_null=True, help_text="The field or query parameter that it is about; null: no single one"
    )


class Described(AutoSchema):
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            error = self.resolve_serializer(ErrorOut, "response").ref
            needs = [one.needs for one in self.view.get_permissions() if hasattr(one, "needs")]
            for status in self._refusals():
                why = needs[0] if status == 403 and needs else WHY[status]
                answer = {"description": why, "content": {"application/json": {"schema": error}}}
                operation["responses"].setdefault(str(status), answer)
            if self._takes_key():
                operation.setdefault("parameters", []).append(PARAMETER)
            if getattr(getattr(self.view, "takes", {}).get(self.method), "least_properties", 0):
                operation["requestBody"]["required"] = True  # the framework considers required fields only
        return operation

    def _refusals(self) -> list[int]:
        view, changes = self.view, self.method not in SAFE_METHODS
        # Views that check their input (syncapp.api.common.views) declare further responses
        found = {503, *getattr(view, "refusals", {}).get(self.method, ())}
        if hasattr(view, "takes"):
            found |= {400, 415}
        if view.get_authenticators():
            found.add(401)
        if changes and not any(isinstance(one, AllowAny) for one in view.get_permissions()):
            found.add(403)
        if "{" in self.path:
            found.add(404)
        if view.get_throttles():
            found.add(429)
        if self._takes_key():
            found |= {409, 422}
        return sorted(found)

    def _takes_key(self) -> bool:
        return hasattr(getattr(self.view, self.method.lower(), None), "takes_key")

    def _map_serializer(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)
        if direction == "request" and schema.get("type") == "object":
            schema["additionalProperties"] = False
            if least := getattr(serializer, "least_properties", 0):
                schema["minProperties"] = least
        return schema
