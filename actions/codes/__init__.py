"""Pools of promo codes: taken in, drawn, refilled."""
