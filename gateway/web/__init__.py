"""Middleware for every response."""
