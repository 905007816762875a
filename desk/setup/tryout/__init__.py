"""Try actions without effect: preview, trial on one contact, plan and rehearsal."""
