"""Pools of promo codes: intake, draws, refills."""
