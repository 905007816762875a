"""French number formats."""
