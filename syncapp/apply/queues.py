"""The names of Celery's queues: one per direction, by the side of the stream, and one for the rest."""

from syncapp.core.values import Side

PULL_QUEUE, PUSH_QUEUE, MAINTENANCE_QUEUE = "atlas_to_local", "local_to_atlas", "maintenance"
QUEUES = {Side.ATLAS: PULL_QUEUE, Side.LOCAL: PUSH_QUEUE}
