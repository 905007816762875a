"""Code that several kinds of action use."""
