"""`sync_doctor`: one check a file, each looks at servers, settings or processes and says how to fix what is wrong."""
