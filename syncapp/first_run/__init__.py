"""The first run of a device: what both databases hold is compared, and what was chosen is carried out."""
