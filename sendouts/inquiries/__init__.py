"""Questions about batches that change nothing: search, export, trial and rehearsal."""
