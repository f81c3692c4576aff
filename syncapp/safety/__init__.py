"""Events that need an operator's decision: mass deletes, drops, databases that went back in time, loops."""
