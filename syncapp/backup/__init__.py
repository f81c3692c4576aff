"""Backup of both databases to a folder that mongorestore can read, and restore."""
