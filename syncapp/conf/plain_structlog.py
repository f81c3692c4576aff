"""structlog without Rich. It imports Rich if there is one, for coloured tracebacks, which no log of ours has: 5 MB in every
process. Commands that draw tables and progress import Rich themselves."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["structlog"]

_found: Any = sys.modules.get("rich")
sys.modules["rich"] = _found  # None: as if it were not installed
try:
    import structlog
finally:
    if _found is None:
        del sys.modules["rich"]
