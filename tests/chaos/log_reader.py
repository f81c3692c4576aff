"""What the logs of a device say went wrong: kinds of errors, and how often each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.chaos.device import PROGRAMS

LOOP = "Sync loop detected"
BEGINS = "Traceback (most recent call last)"
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
# With its module, or named as the built-in ones are: lines of other processes may stand in between
EXCEPTION = re.compile(
    r"^([A-Za-z_]\w*(?:\.\w+)+|\w+(?:Error|Exception|Exit|Interrupt|Warning))(?::(?: (.*))?)?$"
)
ERROR = re.compile(r"\[(?:ERROR|CRITICAL)\s*\]\s*(.*)")
EVENT = re.compile(r"event_name=(\S+)")
CHANGING = re.compile(r"\[[0-9a-f-]{20,}\]|\d+")  # task ids, ports, process ids
# What a fault of ours explains: somebody who was asked was down, full, locked or slow. By the exception's name
EXPLAINED = re.compile(
    r"pymongo\.errors\.(AutoReconnect|NetworkTimeout|ServerSelectionTimeoutError|NotPrimaryError"
    r"|ExecutionTimeout|ConnectionFailure|_OperationCancelled|WaitQueueTimeoutError)"
    r"|redis\.exceptions\.\w+"
    r"|kombu\.exceptions\.OperationalError|amqp\.exceptions\.RecoverableConnectionError"
    r"|celery\.beat\.SchedulingError|billiard\.exceptions\.(WorkerLostError|Terminated|TimeLimitExceeded)"
    r"|billiard\.einfo\.ExceptionWithTraceback.*"  # a killed process of the worker
    r"|celery\.exceptions\.Reject: \(OperationalError.*"  # a retry that the broker could not take
    # kombu 5.6, of a connection that was closed meanwhile: the listener re-queues its keys
    r"|celery\.exceptions\.Reject: \(AttributeError\(\"'NoneType' object has no attribute 'client'\"\), False\)"
    r"|django\.db\.utils\.OperationalError|sqlite3\.OperationalError"
    r"|syncapp\.mongo\.errors\.(ConnectionDown|TransientError)"
    r"|syncapp\.store\.lease\.LeaseLost"
    r"|ConnectionRefusedError|ConnectionResetError|BrokenPipeError|TimeoutError|ConnectionError"
    r"|OSError: \[Errno …\] File too large.*"
    # the same, of what starts just then: no folder takes the file that Python tries
    r"|FileNotFoundError: \[Errno …\] No usable temporary directory found.*"
    # kombu 5.6, when the broker goes while a worker acknowledges a task: the worker ends and is started again
    r"|AttributeError: 'NoneType' object has no attribute 'hostname'"
    # Celery 5.7, when the broker comes back while one of its processes has ended: likewise
    r"|ValueError: file descriptor is None"
)


def lines(logs: Path, names: Iterable[str]) -> Iterator[str]:
    """Of these files and of those that were rotated."""
    for name in names:
        for path in sorted(logs.glob(f"{name}.log*"), reverse=True):
            with path.open(errors="replace") as file:
                yield from file


def loops(logs: Path) -> list[str]:
    return [line.strip() for line in lines(logs, ["app"]) if LOOP in line]


def tracebacks(text: Iterable[str]) -> Counter[str]:
    """The exception that ended each chain of tracebacks: its class; with the message if no fault explains it."""
    found: Counter[str] = Counter()
    inside, last = False, ""
    for line in text:
        if line.startswith(CHAINED):
            last = ""  # what follows is what came of it
        elif line.startswith(BEGINS):
            found.update([last] if last else [])
            inside, last = True, ""
        elif inside and (match := EXCEPTION.match(line.rstrip())):
            inside, last = False, _name(match[1], match[2] or "")
    found.update([last] if last else [])
    return found


def _name(exception: str, message: str) -> str:
    full = CHANGING.sub("…", f"{exception}: {message}"[:140])
    return exception if is_explained(exception) else full


def is_explained(traceback: str) -> bool:
    return EXPLAINED.fullmatch(traceback) is not None


def errors(text: Iterable[str]) -> Counter[str]:
    """Lines of level ERROR and above: by event, or by how the sentence begins."""
    found: Counter[str] = Counter()
    for line in text:
        if match := ERROR.search(line):
            event = EVENT.search(line)
            found[event[1] if event else CHANGING.sub("…", match[1])[:70]] += 1
    return found


def programs(logs: Path) -> Iterator[str]:
    """Everything that the processes have printed."""
    return lines(logs, PROGRAMS)
