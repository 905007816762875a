"""The home page: what waits, what is in work, and figures, for whoever may look at batches."""
