"""The page of one batch: its parts, put together for one reader, and the same parts again for a page that keeps itself up to date."""

from sendouts.admin.batch_page.live import live
from sendouts.admin.batch_page.whole import Page, page

__all__ = ["Page", "live", "page"]
