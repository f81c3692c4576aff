"""The listener: reads both change streams, keeps the map of dirty keys, hands out batches, and advances the tokens as
far as everything before them is done."""
