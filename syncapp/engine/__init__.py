"""One batch of keys: the current versions of both sides are read, decided, and written in one transaction per side.

It implements the protocol of docs/architecture.md, and depends on neither Django, Celery nor its callers."""
