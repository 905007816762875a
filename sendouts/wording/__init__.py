"""Wording: codes and data of a batch as sentences for people."""
