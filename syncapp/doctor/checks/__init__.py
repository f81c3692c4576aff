"""One check a file, found by `CHECKS`. `judge` makes findings of facts, `look` asks for the facts."""
