"""Intake: receive hooks from HTTP or the queue, and store them."""
