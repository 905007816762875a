"""Rehearsal of changed actions on a past batch: which contacts would get another decision, without side effects.

Only checks run, over contacts whose fields are kept. Nothing is written, drawn or sent, and the batch is not claimed. A
check that lacks data is left out and named; its past decision about a contact then still counts.

Modules: rehearse (the whole run, within a page's time) > choose (which actions run) | past (stored data of a batch) >
results.
"""
