"""Threads of the listener share one arena of the C library's allocator."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys, threading
from syncapp.process.memory import set_up_allocator
if sys.argv[1] == "share":
    set_up_allocator()
held = []
threads = [threading.Thread(target=lambda: held.append(bytes(100_000))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c = ctypes.CDLL(None)
c.malloc_info(0, ctypes.c_void_p.in_dll(c, "stdout"))
c.fflush(None)
"""


@pytest.mark.parametrize(("how", "several"), [("share", False), ("", True)])
def test_threads_share_one_arena(how: str, several: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout.count("<heap nr=") > 1) == several, done.stdout
