"""The gateway as one process, or as several."""
