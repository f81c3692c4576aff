"""A batch is worked on in parts: below the size of a message, and, where it fails, ever smaller ones, until the document
that it fails for is alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from syncapp.core.values import Ending, Outcome, WorkItem
from syncapp.mongo.errors import (
    BatchTooLarge,
    HistoryLost,
    Misconfigured,
    OutOfRoom,
    SyncError,
    TransientError,
    Unexplained,
    cause_of,
)

log = structlog.get_logger(__name__)
Items = tuple[WorkItem, ...]
# `_id`s of a batch: its marker, a query and a task each hold all of them, and a document has 16 MB at most
ID_BYTES = 4_000_000
# Documents that fail alone, after which the rest of a batch is not cut any more: it comes again in smaller ones, and
# others take their turn in between
MOST_GUILTY = 16


def in_parts(
    items: Items,
    portion: Callable[[Items], int],
    apply: Callable[[Items], list[Outcome]],
    interrupts: tuple[type[Exception], ...] = (),
) -> list[Outcome]:
    """The outcomes of all items. A document for which `apply` fails alone ends with RETRY, and the reason.

    `portion`: how many of the first ones to take at once; asked again after BatchTooLarge. Raises `interrupts`, and
    SyncError for what stops all of it.
    """
    outcomes: list[Outcome] = []
    guilty = 0
    parts = [items]  # the last one is next
    while parts:
        left = parts.pop()
        part = left[: portion(left)]
        if len(part) < len(left):
            parts.append(left[len(part) :])
        try:
            outcomes += apply(part)
        except BatchTooLarge:
            parts.append(part)
        except interrupts:
            raise
        except Exception as raised:
            error = cause_of(raised)
            if not _may_be_cut(error):
                if error is raised:
                    raise  # from itself would be a chain without an end
                raise error from raised
            if len(part) == 1:
                guilty += 1
                _tell(part[0], raised, error)
                outcomes.append(Outcome(part[0].key, Ending.RETRY, reason=str(error)))
            elif guilty < MOST_GUILTY:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            else:
                outcomes += [Outcome(item.key, Ending.RETRY) for item in part]
    return outcomes


def fitting_ids(items: Sequence[WorkItem]) -> int:
    """How many of the first keys to take at once: one at least."""
    size = 0
    for place, item in enumerate(items):
        size += len(item.key.id_bson)
        if size > ID_BYTES:
            return max(1, place)
    return len(items)


def _may_be_cut(error: SyncError) -> bool:
    """May it be the fault of one document? Not so what a server says about itself, or about the login; what passes by
    itself is not cut either, since write conflicts are answered by backing off."""
    return not isinstance(error, TransientError | Misconfigured | OutOfRoom | HistoryLost)


def _tell(item: WorkItem, raised: Exception, error: SyncError) -> None:
    log.warning(
        "A document fails alone",
        event_name="document_fails",
        collection=item.key.collection,
        error=str(error),
        exc_info=raised if isinstance(error, Unexplained) else None,
    )
