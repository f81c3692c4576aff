"""Measurements: reported, not asserted."""
