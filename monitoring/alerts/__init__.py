"""Alerts: a reason of health that has lasted for its time, told to channels once, and its end once. `operations` is what
API, admin and command call; `evaluate` runs by beat, or in the web process while beat is silent."""
