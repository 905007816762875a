"""Screening: read, judge and store every contact of a planned batch."""

from sendouts.stages.screening.contact_file import screen_file
from sendouts.stages.screening.judge import asks
from sendouts.stages.screening.singles import screen_items

__all__ = ["asks", "screen_file", "screen_items"]
