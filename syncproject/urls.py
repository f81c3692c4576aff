"""All addresses of the web process."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from monitoring.flower import flower
from monitoring.pages import pages
from syncapp.api.health import Ready

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("syncapp.api.urls")),
    path("readyz", Ready.as_view(), name="ready"),
    re_path(r"^flower(?P<rest>/.*)?$", flower, name="flower"),
    re_path(r"^docs/(?P<place>.*)$", pages, name="pages"),
    path("", include("monitoring.urls")),
]

handler400 = "monitoring.failures.bad_request"
handler403 = "monitoring.failures.forbidden"
handler404 = "monitoring.failures.not_found"
handler500 = "monitoring.failures.server_error"
