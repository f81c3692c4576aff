"""What the listener reads changes from. `source.py` says what that must be able to do; MongoDB's change stream is one."""
