"""How a process of the product behaves: its memory, and Django's database reached without waiting for it for ever."""
