"""libfaketime: gives a process another clock."""

from __future__ import annotations

from pathlib import Path

# Where Debian (and what is built on it) and others put it
PLACES = tuple(
    Path(folder) / "faketime" / "libfaketimeMT.so.1"
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib")
)


def faketime() -> Path | None:
    """The library. None: it is not installed."""
    return next((path for path in PLACES if path.exists()), None)
