"""What a service refuses, on a page: its line is shown, and the page goes on. Nothing else of the admin catches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from django.contrib import messages
from django.forms import ValidationError
from django.http import HttpRequest

from monitoring.health.values import counted
from syncapp.services.conflict_selection import Restored
from syncapp.services.errors import ServiceError

FEW = 5  # refusals that are shown
NOTHING_TO_RESTORE = "Nothing to restore: the losing version was restored before, or there is none."


@contextmanager
def _shown(say: Callable[[str], object]) -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        say(error.detail)


def as_message(request: HttpRequest) -> AbstractContextManager[None, bool | None]:
    """Shown on the next page, after an action that returns to the previous page."""
    return _shown(partial(messages.error, request))


def as_problem(context: dict[str, Any]) -> AbstractContextManager[None, bool | None]:
    """As `problem` in a template's context: of a page that has nothing to show then."""
    return _shown(partial(context.__setitem__, "problem"))


def as_invalid(field: str = "") -> AbstractContextManager[None, bool | None]:
    """Beside a form's field that is being cleaned; `field`: of a form that is cleaned as a whole."""

    def say(text: str) -> None:
        raise ValidationError({field: text} if field else text)

    return _shown(say)


def is_allowed(require: Callable[[], object]) -> bool:
    """Of what a page offers: does the service let it be done?"""
    refused: list[str] = []
    with _shown(refused.append):
        require()
    return not refused


def say_restored(request: HttpRequest, done: Restored) -> None:
    """What became of the conflicts that were selected."""
    if done.restored:
        messages.success(request, f"{counted(done.restored, 'version')} restored as new local changes.")
    elif not done.refused:
        messages.warning(request, NOTHING_TO_RESTORE)
    for pk, reason in done.refused[:FEW]:
        messages.error(request, f"Conflict {pk} was not restored: {reason}")
    if done.left:
        messages.warning(request, f"{done.left:,} more can be restored: select them again.")
