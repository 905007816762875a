"""How numbers are written where the formats of Django differ from what the screens promise."""
