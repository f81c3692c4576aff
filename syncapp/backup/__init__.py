"""Both databases written to a folder that mongorestore reads too, and back."""
