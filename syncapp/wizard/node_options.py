"""Options that addresses written for the Node.js driver have, and that no other driver knows."""

from __future__ import annotations

# How that driver connects and caches; none says which data is meant, or how safely it is written
_NAMES = (
    "autoIndex auto_reconnect autoReconnect bufferCommands bufferMaxEntries family keepAlive keepAliveInitialDelay"
    " noDelay poolSize reconnectInterval reconnectTries useCreateIndex useFindAndModify useNewUrlParser"
    " useUnifiedTopology"
)
_KNOWN = {name.lower() for name in _NAMES.split()}


def without(address: str) -> tuple[str, list[str]]:
    """The address without them, and the names that it had."""
    plain, _, options = address.partition("?")
    kept, dropped = [], []
    for option in options.split("&"):
        name = option.partition("=")[0]
        if name.lower() in _KNOWN:
            dropped.append(name)
        elif option:
            kept.append(option)
    return (f"{plain}?{'&'.join(kept)}" if kept else plain), dropped
