"""When a batch will be done, and whether its numbers are usual."""
