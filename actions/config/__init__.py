"""Configuration as a file, and code that the desk and the file share."""
