"""The simulated platform: sendouts, contact files, hooks, and the URIs that answer."""
