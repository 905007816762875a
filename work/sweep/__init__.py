"""The loop that finds due rows without a broker, and what shares its ways."""
