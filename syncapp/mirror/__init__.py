"""Copies of MongoDB's records for API and admin: rows in Django's database, written afterwards."""
