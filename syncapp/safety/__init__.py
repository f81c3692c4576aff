"""What must not travel without being asked about: mass deletes, drops, databases that went back in time, loops."""
