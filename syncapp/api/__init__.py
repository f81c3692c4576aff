"""The HTTP API: serialisers, views and their errors over `services`, `mirror` and `monitoring`."""
