"""`make run`: embedded servers where none are configured, and all processes of the product, supervised."""
