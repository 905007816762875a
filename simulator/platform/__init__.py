"""The platform itself: sendouts, contact files, hooks, and the URIs that answer."""
