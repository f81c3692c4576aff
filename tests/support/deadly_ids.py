"""The `_id`s that end whoever works on them, where deadly.py is loaded: which no test may import, since it changes the engine of
the whole process."""

CHILD, GROUP = "ends its process", "ends the whole worker"
COMPARED, COMPARED_BY_GROUP = "ends the process that compares it", "ends the whole worker that compares it"
