"""What several kinds of action use."""
