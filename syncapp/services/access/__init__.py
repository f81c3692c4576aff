"""Who may do what: users, groups, roles, passwords and tokens, for API, admin and commands."""
