"""The plan of a batch: merged, built and run."""
