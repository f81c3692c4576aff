"""Monitoring: health and its reasons, metrics, the dashboard, Prometheus, error pages."""
