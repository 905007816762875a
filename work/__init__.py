"""Generic work machine: rows carry the work, claims expire, and messages are only nudges."""
