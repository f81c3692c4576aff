"""Two-way sync between a local MongoDB and MongoDB Atlas."""

__version__ = "0.1.0"  # as pyproject.toml has it
