"""The settings: read from environment and `.env`, checked, described; and logging, which depends on nothing else."""
