"""Suppression lists, kept here: who must not be written to, whatever else holds."""
