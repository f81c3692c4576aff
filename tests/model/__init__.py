"""The protocol as a small program that checks itself: devices, one Atlas, a few keys, and every schedule that chance
finds. It knows nothing of MongoDB and of the engine; what it shows is that the rules are enough, and that none of
them can be left out (`Safety`)."""
