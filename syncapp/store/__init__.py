"""What sync keeps in MongoDB, one kind of record a file, with its fields and who writes them; every name is in `names`.

It knows how a record is read and written, not what it is for."""
