"""The operations of API, admin and commands, each once; callers check permissions and show the result."""
