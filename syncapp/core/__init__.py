"""Sync's values: keys, contents and their hashes, facts and times, and the decision for one document.

Pure: no server, no Django, no Celery, and no clock except the caller's."""
