"""Django's SQLite backend behind the write gate of the process."""

from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base as django_sqlite

from work.sqlite.gate import WriteGate

# One gate for each database file: all connections of one process to the same file share it.
_gates: dict[str, WriteGate] = defaultdict(WriteGate)


# Django's own hooks around a transaction, which its stubs do not describe.
_Base: Any = django_sqlite.DatabaseWrapper


class DatabaseWrapper(_Base):
    """Begins a transaction only when no other thread of this process is in one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holds: WriteGate | None = None

    def _start_transaction_under_autocommit(self) -> None:
        gate = _gates[str(self.settings_dict["NAME"])]
        gate.acquire()
        self._holds = gate
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._release_gate()
            raise

    def _commit(self) -> None:
        super()._commit()
        self._release_gate()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._release_gate()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._release_gate()

    def _release_gate(self) -> None:
        if self._holds is not None:
            gate, self._holds = self._holds, None
            gate.release()
