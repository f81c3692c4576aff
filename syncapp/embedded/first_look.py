"""The first lines of `make run`: are the configured databases reachable and usable? Checked at
once, in parallel with everything else, so that a wrong address is reported within five seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

import pymongo
from pymongo.errors import PyMongoError

from syncapp.conf.settings import SyncSettings
from syncapp.core.text.masking import mask_address
from syncapp.core.values import Side
from syncapp.mongo import replica_set
from syncapp.mongo.error_text import says_what_fails
from syncapp.mongo.sides import connect_side

SECONDS = 3.5  # time limit per database
PATIENCE = 4.5  # until a database is reported as not answering: DNS can take longer
DOCTOR = "Run manage.py sync_doctor"
_began = time.monotonic()


def say(text: str) -> None:
    """Print a line, with the seconds since the start."""
    first, *rest = text.splitlines()
    lines = [f"{time.monotonic() - _began:5.1f} s  {first}", *(f"         {line}" for line in rest)]
    print("\n".join(lines), flush=True)


class Look:
    """Checks one side in a separate thread; the result is printed as soon as it is known."""

    def __init__(self, side: Side, name: str, uri: str, say: Callable[[str], None]) -> None:
        self._side, self._name, self._uri, self._say = side, name, uri, say
        self._lock = threading.Lock()
        self._has_spoken = False
        self.trouble = False
        self._done = threading.Event()
        for target in (self._ask, self._lose_patience):
            threading.Thread(target=target, daemon=True).start()

    def wait(self) -> None:
        """Until a result was printed."""
        self._done.wait()

    def _ask(self) -> None:
        try:
            text, trouble = ask(self._side, self._name, self._uri)
        except Exception as error:  # otherwise the thread would end without a line
            text, trouble = f"{self._name}: {error}", True
        self._speak(text, trouble)

    def _lose_patience(self) -> None:
        time.sleep(PATIENCE)
        self._speak(f"{self._name}: {mask_address(self._uri)} does not answer. {DOCTOR}; retrying", True)

    def _speak(self, text: str, trouble: bool) -> None:
        with self._lock:
            if self._has_spoken:
                return
            self._has_spoken, self.trouble = True, trouble
        self._say(text)
        self._done.set()


def ask(side: Side, name: str, uri: str) -> tuple[str, bool]:
    """The line to print, and whether it is a problem."""
    deadline = time.monotonic() + SECONDS
    node = replica_set.ask(uri)  # first: the driver would wait for a primary that does not exist
    if node and (text := replica_set.problem(node, name)):
        steps = replica_set.steps(node, name, can_fix=side is Side.LOCAL)
        return "\n".join([f"{text}:", *steps]), True
    try:
        database = connect_side(side, uri, "start", round(SECONDS * 1000))
    except PyMongoError as error:
        return _trouble(side, name, error), True
    try:
        with pymongo.timeout(max(deadline - time.monotonic(), 1.0)):
            database.command("ping")
            database.list_collection_names(filter={"name": ""})
            version = database.client.server_info()["version"]
    except PyMongoError as error:
        return _trouble(side, name, error), True
    finally:
        database.client.close()
    return f"{name} answers (MongoDB {version}, database {database.name})", False


def _trouble(side: Side, name: str, error: PyMongoError) -> str:
    return f"{name}: {says_what_fails(side, error)}. {DOCTOR}"


class FirstLook:
    def __init__(self, settings: SyncSettings, say: Callable[[str], None]) -> None:
        self._looks: list[Look] = []
        if not (settings.mongodb_uri and settings.mongodb_atlas_uri):
            return  # a demo on embedded servers, or a missing setting
        for side, name, uri in (
            (Side.LOCAL, "MONGODB_URI", settings.mongodb_uri),
            (Side.ATLAS, "MONGODB_ATLAS_URI", settings.mongodb_atlas_uri),
        ):
            say(f"Asking {name}, {mask_address(uri)}")
            self._looks.append(Look(side, name, uri, say))

    def is_fine(self) -> bool:
        """Waits for outstanding results."""
        for look in self._looks:
            look.wait()
        return not any(look.trouble for look in self._looks)


@cache
def first_look(settings: SyncSettings) -> FirstLook:
    """Once per process: started before Django is loaded, which takes seconds."""
    say(f"Isthmus starts, SYNC_HOME is {settings.home}")
    return FirstLook(settings, say)
