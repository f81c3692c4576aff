"""One batch of keys: both sides are read as they are now, decided about, and written in one transaction a side.

It promises what docs/architecture.md says of the protocol, and knows no Django, no Celery, and nobody who uses it."""
