"""Settings of Python's garbage collector and the C library's allocator for processes with many short-lived small
values."""

from __future__ import annotations

import ctypes
import gc

# The collector's thresholds. The defaults (700, 10, 10) cost listener and worker a third of their time; their objects
# are hardly ever in cycles
THRESHOLDS = (50_000, 20, 50)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt
KEPT_BYTES = 32 * 1024 * 1024  # glibc's maximum; some copies of SYNC_APPLY_BATCH_BYTES


def settle() -> None:
    """Call after all imports: imported objects live as long as the process, so the collector can ignore them.
    Before a fork it also keeps those pages shared. Memory needed during imports is returned to the system: 14 MB if
    bytecode has to be compiled first."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def set_up_allocator() -> None:
    """Call before the first thread starts. Does nothing where the C library is not glibc.

    One arena for all threads: with one per thread, each keeps its freed memory, 20 MB in the listener, for
    fetched events. Under Python's lock no two threads allocate at a time anyway.

    Freed memory is reused: a batch of large documents is copied several times in the driver, and
    fresh memory for each copy costs more than the copying.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
