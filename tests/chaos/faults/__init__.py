"""What can break, and how."""
