"""The admin's first page is the live dashboard; its login slows down guessing of passwords."""

from django.contrib import admin

from syncapp.admin.login import LoginForm

admin.site.index_template = "monitoring/dashboard.html"
admin.site.index_title = "Dashboard"
# Not by unfold's setting, which would import all pages before the site is there
admin.site.login_form = LoginForm
