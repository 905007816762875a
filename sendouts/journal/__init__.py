"""Hooks on the local disk, for the time that the database is away. Free of Django.

A file belongs to the process that holds its lock. It only grows, and is removed as a whole once the database has its hooks.
"""

from sendouts.journal.counting import Depth, depth
from sendouts.journal.files import JournalFile, orphans
from sendouts.journal.writing import Journal

__all__ = ["Depth", "Journal", "JournalFile", "depth", "orphans"]
