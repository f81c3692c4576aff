"""Pages of a list, all of one kind: `page`, `page_size` and `ordering` in the query; `count`, `next`, `previous` and
`results` in the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from syncapp.api.common.fields import Choice, Whole
from syncapp.api.common.views import SyncView

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


class Page(serializers.Serializer):
    """What every list's answer has beside its `results`."""

    count = serializers.IntegerField(help_text="Of all pages together")
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


# By what a list can be ordered: the name in the answer → the name in what is ordered
Orders = Mapping[str, str]


def ordering(orders: Orders) -> Choice:
    """The field `ordering` of a list's query."""
    names = [*orders, *(f"-{name}" for name in orders)]
    return Choice(choices=names, required=False, help_text="With - in front: the greatest first")


def filters_of(view: SyncView) -> dict[str, Any]:
    """What is asked of a list beside its page and order."""
    return {
        name: value for name, value in view.asked.items() if name not in (*PageQuery().fields, "ordering")
    }


def page_of(
    view: SyncView,
    rows: Any,
    out: type[serializers.BaseSerializer],
    orders: Orders | None = None,
    as_shown: Callable[[Any], Any] = lambda row: row,
) -> dict[str, Any]:
    """The asked page. `rows`: a queryset, or documents as the answer has them, where `out` is not asked. `as_shown`: what
    becomes of each row of the page first."""
    asked = view.asked.get("ordering", "")
    if asked and orders:
        rows = _ordered(rows, orders[asked.lstrip("-")], asked.startswith("-"))
    pages = Pages()
    page = pages.paginate_queryset(rows, view.request, view)
    if page is None:
        return {"count": pages.total, "next": None, "previous": None, "results": []}
    found = [as_shown(row) for row in page]
    shown = out(found, many=True).data if isinstance(rows, QuerySet) else found
    return dict(pages.get_paginated_response(shown).data)


def _ordered(rows: Any, by: str, descending: bool) -> Any:
    if isinstance(rows, QuerySet):
        return rows.order_by(f"-{by}" if descending else by, "-pk" if descending else "pk")
    return sorted(rows, key=lambda one: (one[by] is not None, one[by]), reverse=descending)


class Pages(PageNumberPagination):
    """The query has been checked by `PageQuery`. A page beyond the last is empty: rows may go between two pages, and whoever
    follows `next` has seen all of them then."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE
    total = 0  # rows of all pages

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        size = int(self.get_page_size(request) or PAGE_SIZE)
        self.total = len(queryset) if isinstance(queryset, Sequence) else queryset.count()
        last = max(1, -(-self.total // size))
        if int(request.query_params.get(self.page_query_param, "1")) > last:
            return None
        return super().paginate_queryset(queryset, request, view)
