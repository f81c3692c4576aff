"""Settings, read from environment and `.env`, validated and documented; and logging, which depends on nothing else."""
