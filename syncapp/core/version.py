"""The version of the product, as pyproject.toml has it."""

VERSION = "0.1.0"
