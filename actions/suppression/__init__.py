"""Suppression lists, stored here: contacts that must never get a message."""
