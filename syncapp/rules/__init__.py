"""The operators' settings: toggle, strategy, exclusions and validation, and the resulting policy for one collection.

Kept in Django's database, with a copy in MongoDB for when that is down."""
