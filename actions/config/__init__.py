"""Configuration as a file, and what the desk and the file share."""
