"""Chaos: devices and Atlas as real processes, applications that write everywhere, a fault every few seconds.
Afterwards all is equal, and no version was lost. `make chaos`, docs/chaos.md."""
