"""The sample shop of `sync_demo`: ordinary writes on both sides."""
