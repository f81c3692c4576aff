"""Collection rules, exclusions and validation rules: set, looked up, previewed and exchanged, for API, admin and commands."""
