"""Names of what people tell apart by name: two that differ only in case would be taken for one another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model

from syncapp.services.errors import Overtaken

KINDS = {"user": "username"}  # where the name is no `name`


def require_free(kind: type[Model], name: str, but: Any = None) -> None:
    """`but`: the id of the one that shall have it. Raises Overtaken."""
    what = str(kind._meta.verbose_name)
    field = KINDS.get(what, "name")
    # Compared here: SQLite knows upper and lower case of ASCII only
    others = kind._default_manager.exclude(pk=but).values_list(field, flat=True)
    if name.casefold() in {one.casefold() for one in others}:
        raise taken(what, name)


@contextmanager
def unless_taken(row: Model, was: str) -> Iterator[None]:
    """Around the saving of a row that was called so (empty: it is new). Raises Overtaken."""
    what = str(row._meta.verbose_name)
    name = str(getattr(row, KINDS.get(what, "name")))
    if name != was:
        require_free(type(row), name, row.pk)
    try:
        with transaction.atomic():
            yield
    except (
        IntegrityError,
        ValidationError,
    ):  # added at the same time: by the database, or by the row's own look
        raise taken(what, name) from None


def taken(what: str, name: str) -> Overtaken:
    return Overtaken(f"There is a {what} {name!r} already", KINDS.get(what, "name"))
