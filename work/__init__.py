"""The work machine: rows carry the work, claims end by themselves, and messages only nudge."""
