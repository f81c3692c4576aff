"""`sync_doctor`: one check per file; each examines servers, settings or processes and says how to fix problems."""
