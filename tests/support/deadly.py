"""Loaded by a worker (`celery worker -I tests.support.deadly`): whoever works on a document of these `_id`s ends at once,
as by a crash in C or for want of memory."""

from __future__ import annotations

import os
import signal
from typing import Any

import bson

from syncapp.engine import change_processor

CHILD, GROUP = "ends its process", "ends the whole worker"
_needs_stamps = change_processor.needs_stamps


def _needs_stamps_or_ends(item: Any, rules: Any) -> Any:
    identity = bson.decode(item.key.id_bson)["_id"]
    if identity == CHILD:
        os.kill(os.getpid(), signal.SIGKILL)
    if identity == GROUP:
        os.killpg(0, signal.SIGKILL)
    return _needs_stamps(item, rules)


change_processor.needs_stamps = _needs_stamps_or_ends
