"""Process-level helpers: memory, and calls to Django's database with a time limit."""
