"""What every address of the API is made of: who may ask, what is accepted, how answers and errors look. Knows no single noun."""
