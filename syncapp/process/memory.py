"""Python's collector of cyclic garbage and the C library's allocator, as suits processes that hold many small
values for a moment."""

from __future__ import annotations

import ctypes
import gc

# New containers until the collector looks, and looks at the young until it looks at the older. The defaults
# (700, 10, 10) cost listener and worker a third of their time; what they make is hardly ever in a cycle
THRESHOLDS = (50_000, 20, 50)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt
KEPT_BYTES = 32 * 1024 * 1024  # the most that glibc takes; some copies of SYNC_APPLY_BATCH_BYTES


def settle() -> None:
    """Call once all is imported: that lives as long as the process, so the collector need not look at it again.
    Before a fork it also leaves those pages shared. What importing needed for a moment goes back to the system: 14 MB where
    bytecode has to be made first."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def set_up_allocator() -> None:
    """Call before the first thread starts. Does nothing where the C library is not glibc.

    One arena for all threads: each would have one of its own, and keep there what it freed, 20 MB of the listener's,
    of fetched events. Under Python's lock no two threads allocate at a time anyway.

    What is freed is used again: a batch of large documents is copied some times on its way through the driver, and
    memory that is new for each copy costs more than the copying.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
