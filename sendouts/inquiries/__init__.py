"""Read-only inquiries about batches: search, export, trial and rehearsal."""
