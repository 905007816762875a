"""French groups the digits of a number by narrow spaces that do not break."""

THOUSAND_SEPARATOR = "\u202f"
