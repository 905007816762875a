"""Set-up of the logs, and redaction of secrets."""
