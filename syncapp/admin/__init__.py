"""The admin's pages over `services`, `mirror` and `monitoring`."""

from syncapp.admin import (  # noqa: F401
    alert_channels,
    alert_rules,
    alerts,
    api_tokens,
    beat,
    collection_rules,
    compared,
    conflict,
    devices,
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
