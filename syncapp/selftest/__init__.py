"""`sync_selftest`: live checks on the configured databases and the running product, in scratch collections that are gone
afterwards. One part per file; whatever a part makes is recorded before it is made, and removed after the part, or by the
next self-test if this one is killed."""
