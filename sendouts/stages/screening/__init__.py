"""Screening: read, judge and store every contact of a planned batch."""
