"""What `sync_doctor` looks at: one file a check, judging apart from asking."""
