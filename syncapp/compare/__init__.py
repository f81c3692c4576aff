"""Both sides compared, slice by slice, while sync goes on: what differs is handed to the listener to look at."""
