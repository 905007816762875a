"""The cards of the home page, one module each, read from the batches of the projects that a person sees.

A card is a function (condition of what is seen, now) -> frozen dataclasses. None of them reads decisions.
"""
