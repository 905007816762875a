"""The plan of a batch: merging, building and running."""
