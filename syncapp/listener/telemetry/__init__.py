"""What the listener measures, and tells other processes, devices and the log. No decision about a document depends on it."""
