"""Narrow no-break spaces between groups of digits, as in French."""

THOUSAND_SEPARATOR = "\u202f"
