"""Addresses sealed at rest, rotated, masked, and deleted in time."""
