"""`make test-fresh`: the two commands on a machine that has nothing yet."""
