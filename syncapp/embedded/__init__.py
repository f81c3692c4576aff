"""What `make run` starts: own servers where none are given, and every process of the product, kept alive and ended."""
