"""Credentials, encrypted at rest."""
