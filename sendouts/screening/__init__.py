"""From a planned batch to a screened one: every contact read, judged and stored."""

from sendouts.screening.files import screen_file
from sendouts.screening.items import screen_items

__all__ = ["screen_file", "screen_items"]
