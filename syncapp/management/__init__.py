"""The commands of manage.py over `services` and `monitoring`."""
