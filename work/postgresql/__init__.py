"""Django's PostgreSQL backend with a check of each session."""
