"""The record of accounts: who may do what, since when, and by whose hand."""
