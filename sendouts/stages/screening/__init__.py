"""From a planned batch to a screened one: every contact read, judged and stored."""

from sendouts.stages.screening.contact_file import screen_file
from sendouts.stages.screening.judge import asks
from sendouts.stages.screening.singles import screen_items

__all__ = ["asks", "screen_file", "screen_items"]
