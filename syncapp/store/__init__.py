"""Sync's own data in MongoDB, one kind of record per file, with its fields and writers; every name is in `names`.

It reads and writes records, and knows nothing of their use."""
