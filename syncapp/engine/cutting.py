"""A batch is processed in parts: below the maximum message size, and, on failure, smaller and smaller, until the
failing document is isolated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from syncapp.core.values import DocumentKey, Ending, Outcome, WorkItem
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
# Documents that fail alone, after which the rest of a batch is not split further: it is re-queued in smaller ones, and
# others are processed in between
MOST_GUILTY = 16


def in_parts(
    items: Items,
    portion: Callable[[Items], int],
    apply: Callable[[Items], list[Outcome]],
    interrupts: tuple[type[Exception], ...] = (),
) -> list[Outcome]:
    """The outcomes of all items. A document that `apply` fails for alone ends with RETRY and the reason.

    `portion`: how many of the first ones to take at once; asked again after BatchTooLarge. Raises `interrupts`, and
    SyncError for failures that stop all of it.
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
            error = may_be_its_fault(raised)
            if len(part) == 1:
                guilty += 1
                outcomes.append(failed_alone(part[0].key, raised, error))
            elif guilty < MOST_GUILTY:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            else:
                outcomes += [Outcome(item.key, Ending.RETRY) for item in part]
    return outcomes


def may_be_its_fault(raised: Exception) -> SyncError:
    """The cause of what was raised while one document was worked on, or several. Raises it if it is none's fault."""
    error = cause_of(raised)
    if _may_be_cut(error):
        return error
    if error is raised:
        raise raised  # raised from itself the chain would be endless
    raise error from raised


def failed_alone(key: DocumentKey, raised: Exception, error: SyncError) -> Outcome:
    """The end of a document that fails while no other one is worked on."""
    log.warning(
        "Document failed, isolated from its batch",
        event_name="document_fails",
        collection=key.collection,
        error=str(error),
        exc_info=raised if isinstance(error, Unexplained) else None,
    )
    return Outcome(key, Ending.RETRY, reason=str(error))


def fitting_ids(items: Sequence[WorkItem]) -> int:
    """How many of the first keys to take at once: one at least."""
    size = 0
    for place, item in enumerate(items):
        size += len(item.key.id_bson)
        if size > ID_BYTES:
            return max(1, place)
    return len(items)


def _may_be_cut(error: SyncError) -> bool:
    """May one document be the cause? Not for errors about the server itself or the login; transient errors are not
    bisected either, since write conflicts are handled by backing off."""
    return not isinstance(error, TransientError | Misconfigured | OutOfRoom | HistoryLost)
