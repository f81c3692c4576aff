"""Whether the broker brings a task once more: its worker ended, was stopped, or lost its connection before it had done the task."""

from __future__ import annotations

from typing import Any

from celery import Task


def was_redelivered(task: Task[Any, Any]) -> bool:
    """Of the task that runs here. A retry is a task of its own, and was not."""
    return bool((task.request.delivery_info or {}).get("redelivered"))
