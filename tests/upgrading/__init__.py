"""An application whose migration fails until a test mends it: an upgrade that goes wrong at first."""
