"""An operator's own Python function that resolves conflicts: found by its dotted path, called with a time limit, and its answer
checked. What it raises is the caller's affair.

    def resolve(base, local, atlas, context) -> dict | "local" | "atlas" | None
"""

from __future__ import annotations

import datetime as dt
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from types import FrameType
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from syncapp.core.content import canonical, elements, wrap
from syncapp.core.strategy import Conflict
from syncapp.core.values import Side

LARGEST = 16 * 1024 * 1024  # bytes of a document
AGAIN_SECONDS = 0.1  # a function may catch what ends it, and is ended again
_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
Document = dict[str, Any]


class WrongAnswer(Exception):
    """The function's answer cannot be used. The text says why."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a function may want to know beside the documents. Times are in UTC, by Atlas's clock; None: unknown."""

    collection: str
    times: Mapping[str, dt.datetime | None] = field(default_factory=dict)  # by "local" and "atlas"
    origins: Mapping[str, str] = field(
        default_factory=dict
    )  # a device's instance id, or "atlas"; empty: unknown


def call(conflict: Conflict) -> Document | Side | None:
    """Raises what the function raises, TimeoutError, WrongAnswer, ImportError, or what cannot be read as BSON."""
    policy = conflict.policy
    function = find(policy.rule.resolver, policy.resolvers.modules)
    versions = [conflict.base, conflict.documents[Side.LOCAL], conflict.documents[Side.ATLAS]]
    documents = [None if one is None else bson.decode(one, _OPTIONS) for one in versions]
    answer = _within(policy.resolvers.seconds, lambda: function(*documents, _context(conflict)))
    if answer is None or (isinstance(answer, str) and answer in set(Side)):
        return None if answer is None else Side(answer)
    if not isinstance(answer, Mapping):
        raise WrongAnswer(
            f'it returned a value of type {type(answer).__name__}; allowed: a document, "local", "atlas", None'
        )
    return deepcopy(dict(answer))


def find(path: str, modules: tuple[str, ...]) -> Callable[..., Any]:
    """`modules`: where functions may come from. Raises ImportError: the text says why."""
    module, _, name = path.rpartition(".")
    if not any(module == one or module.startswith(f"{one}.") for one in modules):
        allowed = ", ".join(modules) or "none (SYNC_RESOLVER_MODULES is empty)"
        raise ImportError(f"resolver is {path!r}; allowed: a function of the modules {allowed}")
    function = getattr(import_module(module), name, None)
    if not callable(function):
        raise ImportError(f"resolver is {path!r}: the module {module} has no function {name}")
    found: Callable[..., Any] = function
    return found


def encode(answer: Document, conflict: Conflict) -> bytes:
    """As it is stored: the `_id` first. Raises WrongAnswer."""
    try:
        raw = bson.encode(answer)
    except Exception as error:  # the encoder raises many kinds
        raise WrongAnswer(f"its document cannot be stored: {error}") from error
    if len(raw) > LARGEST:
        raise WrongAnswer(f"its document has {len(raw):,} bytes, more than a document may have")
    found = {name: (kind, value) for kind, name, value in elements(raw)}
    there = next(one for one in conflict.documents.values() if one is not None)
    own = next((kind, value) for kind, name, value in elements(there) if name == b"_id")
    if b"_id" not in found or canonical(*found[b"_id"]) != canonical(*own):
        raise WrongAnswer("its document has another _id, or none")
    fields = ((b"_id", own), *((name, value) for name, value in found.items() if name != b"_id"))
    return wrap(b"".join(bytes([kind]) + name + b"\0" + value for name, (kind, value) in fields))


def _context(conflict: Conflict) -> Context:
    times = {side.value: _moment(conflict.time(side)) for side in Side}
    origins = {side.value: conflict.facts[side].origin if side in conflict.facts else "" for side in Side}
    return Context(conflict.collection, times, origins)


def _moment(milliseconds: int | None) -> dt.datetime | None:
    try:
        return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
    except (OverflowError, ValueError, OSError):  # BSON's dates go further than the calendar
        return None


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """A worker's process works in its main thread: an alarm ends the function there, as Celery's own soft limit does, which
    uses another signal and still counts. Elsewhere (a try by API) it gets a thread, which is left behind if it is late."""
    if threading.current_thread() is threading.main_thread():
        with _alarm(seconds):
            return work()
    return _in_thread(seconds, work)


class _Late(BaseException):
    """Not an Exception: a function that handles all of them must not take it for one of its own."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Late:
        raise TimeoutError(_late(seconds)) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)  # once more: it may have rung just before it was ended
        signal.signal(signal.SIGALRM, before)


def _in_thread(seconds: float, work: Callable[[], Any]) -> Any:
    result: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="resolver", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not result:
        raise TimeoutError(_late(seconds))
    return result[0]


def _late(seconds: float) -> str:
    return f"it took longer than {seconds:g} s (SYNC_RESOLVER_MS)"
