"""A stateful stand-in for the platform, over real HTTP: for demos, for tests and for whoever integrates."""
