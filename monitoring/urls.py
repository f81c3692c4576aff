"""Addresses of the dashboard and of Prometheus."""

from django.urls import path

from monitoring.prometheus import PrometheusMetrics
from monitoring.views import History, Live, dashboard

urlpatterns = [
    path("monitoring/dashboard", dashboard, name="dashboard"),
    path("monitoring/live", Live.as_view(), name="live"),
    path("monitoring/history", History.as_view(), name="history"),
    path("metrics", PrometheusMetrics.as_view(), name="prometheus"),
]
