"""SQLite for the embedded mode: Django's backend, with one write transaction at a time in this process."""
