"""From a planned batch to a screened one: every contact read, judged and stored."""

from sendouts.screening.files import screen_file
from sendouts.screening.items import screen_items
from sendouts.screening.judging import asks

__all__ = ["asks", "screen_file", "screen_items"]
