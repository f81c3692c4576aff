"""How dates and times are written: see `en/formats.py`."""
