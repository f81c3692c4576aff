"""The Celery side of applying a batch: what a task carries, the worker that runs the engine, and its reports back."""
