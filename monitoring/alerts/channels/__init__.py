"""One kind of channel a file, found by its `CHANNEL`."""
