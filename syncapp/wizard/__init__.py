"""`sync_wizard`: the questions before the first start, each answer tried at once, and `.env` written from them.

What is asked, what is looked at and what is written are separate files."""
