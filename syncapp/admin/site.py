"""The admin's first page is the live dashboard."""

from django.contrib import admin

admin.site.index_template = "monitoring/dashboard.html"
admin.site.index_title = "Dashboard"
