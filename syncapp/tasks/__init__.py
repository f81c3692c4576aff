"""The Celery tasks and their schedule: each decodes its message and calls what does the work."""

from syncapp.tasks.apply import apply_changes
from syncapp.tasks.bulk import compare_slice
from syncapp.tasks.maintenance import copy_left_conflicts, prune

__all__ = ["apply_changes", "compare_slice", "copy_left_conflicts", "prune"]
