"""Outlook for a batch: when it will be done, and whether its numbers are usual."""
