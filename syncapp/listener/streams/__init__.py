"""Reads change streams, and says which keys became dirty. Knows sources and the queue; nothing of tasks and reports."""
