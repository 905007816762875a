"""Lists and pages of batches and their contacts."""
