"""The stages of a batch, in the order that data flows."""
