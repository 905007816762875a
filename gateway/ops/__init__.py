"""Endpoints for orchestrators and operators."""
