"""A fault: one line of the product, broken on purpose, and the test that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A piece of a file and its replacement.

    old: occurs exactly once in `file`. test: the node id of the test that must turn red. postgresql: SQLite cannot show it.
    """

    name: str
    file: str
    old: str
    new: str
    test: str
    postgresql: bool = False

    def put_into(self, text: str) -> str:
        """Return the text of the file with the fault; raises ValueError unless `old` is there exactly once."""
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {found} times in {self.file}")
        return text.replace(self.old, self.new)

    @property
    def is_of_tables(self) -> bool:
        """Return whether the fault changes the tables that a migration makes."""
        return "/migrations/" in self.file
