"""Python's collector of cyclic garbage, as suits processes that hold many small values for a moment."""

from __future__ import annotations

import gc

# New containers until the collector looks, and looks at the young until it looks at the older. The defaults
# (700, 10, 10) cost listener and worker a third of their time; what they make is hardly ever in a cycle
THRESHOLDS = (50_000, 20, 50)


def relax() -> None:
    """Call once all is imported: that lives as long as the process, so the collector need not look at it again.
    Before a fork it also leaves those pages shared."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
