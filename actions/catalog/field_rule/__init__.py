"""Decide by the fields of a contact."""
