"""The journal: hooks on the local disk while the database is away. Free of Django.

A file belongs to the process that holds its lock. It only grows, and is removed as a whole once its hooks are in the
database.
"""

from sendouts.intake.journal.depth import Depth, depth
from sendouts.intake.journal.file import JournalFile, orphans
from sendouts.intake.journal.journal import Journal

__all__ = ["Depth", "Journal", "JournalFile", "depth", "orphans"]
