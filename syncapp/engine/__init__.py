"""The synchronisation protocol: it knows MongoDB, and neither Django nor Celery."""
