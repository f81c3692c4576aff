"""Process-level helpers: memory, what is loaded later, and calls to Django's database with a time limit."""
