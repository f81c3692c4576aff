"""What is out: tasks that were handed to workers and have not ended, and the keys in them."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

from syncapp.core.values import DocumentKey
from syncapp.listener.queue.work import Task, Work


class TasksOut:
    def __init__(self) -> None:
        self.busy: set[DocumentKey] = set()  # keys of all tasks
        self._tasks: dict[str, Task] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def ids(self) -> list[str]:
        return list(self._tasks)

    def get(self, task_id: str) -> Task | None:
        """None: it has ended, or was given up."""
        return self._tasks.get(task_id)

    def of(self, key: DocumentKey) -> Task | None:
        """The task that the key is in."""
        if key not in self.busy:
            return None
        return next((task for task in self._tasks.values() if key in task.keys), None)

    def add(self, task_id: str, task: Task) -> None:
        self.busy.update(task.keys)
        self._tasks[task_id] = task

    def let_go(self, task: Task, key: DocumentKey) -> Work | None:
        """The key is no longer in flight. None: it was not in this task."""
        work = task.keys.pop(key, None)
        if work is not None:
            self.busy.discard(key)
        return work

    def end(self, task_id: str) -> Task | None:
        """The task has ended, with its remaining keys."""
        task = self._tasks.pop(task_id, None)
        if task is not None:
            self.busy.difference_update(task.keys)
        return task

    def works(self) -> Iterator[tuple[DocumentKey, Work]]:
        for task in self._tasks.values():
            yield from task.keys.items()

    def held(self, gathered: Container[str]) -> set[str]:
        """Collections of which nothing goes out until what is out is back. `gathered`: those whose keys go out
        together."""
        return {
            task.collection for task in self._tasks.values() if task.gathered or task.collection in gathered
        }

    def at_rest(self, collections: Collection[str]) -> bool:
        return not any(key.collection in collections for key in self.busy)

    def alive(self, task_id: str, now: float) -> None:
        """A task sends a keep-alive (`now` may lie in the future: no further one until then)."""
        task = self._tasks.get(task_id)
        if task is not None:
            task.alive_at = now

    def at_work(self, since: float, now: float) -> int:
        """Tasks that were dispatched or sent a keep-alive since then, and do not wait for a retry."""
        return sum(since <= task.alive_at <= now for task in self._tasks.values())

    def overdue(self, before: float) -> list[str]:
        return [task_id for task_id, task in self._tasks.items() if task.alive_at < before]
