"""Pages of a list: `count`, `next`, `previous`, `results`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from syncapp.api.errors import wrong

PAGE_PARAMETERS = [
    OpenApiParameter("page", int, description="From 1 on"),
    OpenApiParameter("page_size", int, description="From 1 to 500; 50 if not given"),
]


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int:
        return self._number(request, "page_size", self.page_size, self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        size = self.get_page_size(request)
        last = max(1, -(-queryset.count() // size))
        self._number(request, self.page_query_param, 1, last)
        return super().paginate_queryset(queryset, request, view)

    @staticmethod
    def _number(request: Request, name: str, default: int, high: int) -> int:
        text = request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= high):
            raise wrong(name, text, f"a whole number from 1 to {high}")
        return int(text)
