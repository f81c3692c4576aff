"""The first run of a device: both databases are compared, and the choice is carried out."""
