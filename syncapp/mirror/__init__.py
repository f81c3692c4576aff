"""What API and admin show of records in MongoDB: rows of Django's database, copied or updated after the fact."""
