"""From the socket or the queue to a stored hook."""
