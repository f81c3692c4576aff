"""The common part of all API views: a request is checked completely against what its view declares, before
anything is done. Undeclared names are refused, so that a misspelt name never counts as absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from syncapp.services.errors import WrongInput, shown, wrong_value


class Nothing(serializers.Serializer):
    """No fields are accepted."""


class JsonAlways(DefaultContentNegotiation):
    """The response is always JSON, whatever the Accept header says."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class SyncView(APIView):
    """`takes`: the fields of the body, by method. `asks`: the names in the query. Valid input
    is in `self.wanted` and `self.asked`. `refusals`: by method, the error responses in addition to the common
    ones (`syncapp.api.common.schema`), for the schema."""

    takes: ClassVar[Mapping[str, type[serializers.Serializer]]] = {}
    asks: ClassVar[Mapping[str, type[serializers.Serializer]]] = {}
    refusals: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    content_negotiation_class = JsonAlways
    wanted: dict[str, Any]
    asked: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # login and permission come first
        method = str(request.method)
        if method != "OPTIONS" and hasattr(self, method.lower()):
            self.asked = checked(self.asks.get(self._like(method), Nothing), request.query_params)
            self.wanted = checked(self.takes.get(method, Nothing), body_of(request))

    @staticmethod
    def _like(method: str) -> str:
        return "GET" if method == "HEAD" else method


def body_of(request: Request) -> Mapping[str, Any]:
    """The body's fields. Raises ParseError, UnsupportedMediaType or WrongInput if it is not what its header says."""
    # The framework reads JSON past Django's own limit
    size, most = int(request.META.get("CONTENT_LENGTH") or 0), settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    if size > most:
        raise WrongInput(f"The body has {size} bytes; allowed: at most {most}")
    try:
        body = request.data
    except RecursionError:
        raise ParseError("The body is nested too deeply") from None
    if not isinstance(body, Mapping):
        # Not repeated: it may hold a password
        raise WrongInput(f"The body is a JSON {_kind(body)}; allowed: a JSON object")
    if isinstance(body, QueryDict) and any(name.lstrip().startswith(("{", "[")) for name in body):
        # As sent by `curl -d '{…}'` without a header: as a form it would have strange field names
        raise WrongInput(
            "The body is JSON, but its Content-Type says that it is a form; "
            "send the header Content-Type: application/json"
        )
    return body


def _kind(body: Any) -> str:
    return {list: "list", str: "text", bool: "boolean", type(None): "null"}.get(type(body), "number")


def checked(kind: type[serializers.Serializer], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `kind` has them. Raises ValidationError, or WrongInput for a name that it does not know."""
    serializer = kind(data=given, context={"text": isinstance(given, QueryDict)})
    fields = serializer.fields
    refuse_unknown(fields, given)
    if isinstance(given, QueryDict):
        for name, values in given.lists():
            _one_that_says_something(fields[name], name, values)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refuse_unknown(fields: Iterable[str], given: Iterable[str]) -> None:
    for name in given:
        if name not in fields:
            allowed = ", ".join(fields) or "none here"
            plain = name if name.isidentifier() and len(name) < 50 else shown(name)
            raise WrongInput(f"{plain} is unknown; allowed: {allowed}")


def _one_that_says_something(field: serializers.Field, name: str, values: list[Any]) -> None:
    """For a form or a query. The framework treats an empty value as absent, and uses the last of several."""
    if len(values) > 1 and not isinstance(field, serializers.ListField):
        raise WrongInput(f"{name} is given {len(values)} times; allowed: once", name)
    if "" in values and not getattr(field, "allow_blank", False):
        raise wrong_value(name, "", getattr(field, "allowed", "") or "a value that is not empty")
