"""What a kind of action is handed: hosts, credentials, context and codes."""
