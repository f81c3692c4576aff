"""Pages of a list: `count`, `next`, `previous`, `results`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from syncapp.api.fields import Whole
from syncapp.services.errors import wrong_value

PAGE_SIZE, LARGEST_PAGE = 50, 500
LAST_PAGE = 2**31 - 1


class PageQuery(serializers.Serializer):
    """What every list's query takes."""

    page = Whole(
        "a whole number from 1 on", required=False, min_value=1, max_value=LAST_PAGE, help_text="From 1 on"
    )
    page_size = Whole(
        f"a whole number from 1 to {LARGEST_PAGE}",
        required=False,
        min_value=1,
        max_value=LARGEST_PAGE,
        help_text=f"From 1 to {LARGEST_PAGE}; {PAGE_SIZE} if not given",
    )


class Pages(PageNumberPagination):
    """The query has been checked by `PageQuery`; here the number of pages is known."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        size = int(self.get_page_size(request) or PAGE_SIZE)
        last = max(1, -(-queryset.count() // size))
        page = request.query_params.get(self.page_query_param, "1")
        if int(page) > last:
            raise wrong_value(self.page_query_param, page, f"a whole number from 1 to {last}")
        return super().paginate_queryset(queryset, request, view)
