"""What sync is doing, in figures: health and its reasons, metrics, the dashboard, Prometheus, error pages."""
