"""Logs: set up, and cleaned of secrets."""
