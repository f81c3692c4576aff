"""Real servers from wheels, for `make run` without databases of one's own, and for the tests."""
