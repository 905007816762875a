"""Stateful simulator of the platform over real HTTP, for demos, tests and integrators."""
