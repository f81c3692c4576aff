"""Comparison of both sides, slice by slice, beside live sync: differences are sent to the listener."""
