"""Accounts, roles, tokens, and the settings of the person who is logged in."""
