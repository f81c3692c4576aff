"""What an operator has chosen: the toggle, the strategy, exclusions and validation, and what follows for one collection.

Kept in Django's database, with a copy in MongoDB for when that is away."""
