"""One part a file, found by `PART`. Each yields its lines one by one, as they are known."""
