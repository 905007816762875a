"""Privacy of addresses: sealed at rest, rotated, masked, and deleted in time."""
