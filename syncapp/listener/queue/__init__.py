"""The map of dirty keys, which is the listener's queue: what streams brought and is not done, and how far their tokens
may be saved. `dirty_keys.py` is its door, and takes the only lock; all behind it is plain data."""
