"""What API, admin and commands do, each once; the callers check who may, and show the answer."""
