"""Plain singles: from their plan to the release in one transaction."""
