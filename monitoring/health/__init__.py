"""Health as a pure function of facts: healthy, degraded or critical, with the reasons. Knows no database."""
