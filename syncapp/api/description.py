"""The description of the API and its interactive pages: open to all, for it says nothing of this device."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response


class JsonErrors:
    """For a view with renderers of its own: its errors are JSON, as everywhere in the API."""

    request: Any

    def handle_exception(self, exc: Exception) -> Response:
        response: Response = super().handle_exception(exc)  # type: ignore[misc]
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), "application/json"
        return response


class Description(JsonErrors, SpectacularAPIView):
    permission_classes = [AllowAny]


class Pages(JsonErrors, SpectacularSwaggerSplitView):
    """Its script comes as a file: none stands in the page (monitoring/middleware.py)."""

    permission_classes = [AllowAny]
    url_name = "schema"
