"""The admin: one file a subject; importing them registers the pages."""

from syncapp.admin import (  # noqa: F401
    beat,
    conflict,
    exclusions,
    records,
    rejected,
    runs,
    site,
    switches,
    tokens,
    users,
    validation,
)
