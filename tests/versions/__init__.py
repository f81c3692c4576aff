"""The tests on other versions of MongoDB: `make test-versions`."""
