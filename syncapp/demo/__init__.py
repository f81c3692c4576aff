"""Sample traffic: a small shop that writes on both sides."""
