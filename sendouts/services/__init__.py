"""Services for kinds of actions: hosts, credentials, context and codes."""
