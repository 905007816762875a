"""Count the waiting hooks in the journals of a folder, from any process, without a lock."""

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sendouts.intake.journal.file import KEPT_SUFFIX, SUFFIX, is_ours
from sendouts.intake.journal.record import RecordForm


@dataclass(frozen=True, slots=True)
class Depth:
    """The depth of the journals.

    hooks: how many are not loaded; oldest: when the first was received; damaged: files kept for a person.
    """

    hooks: int
    oldest: datetime | None
    damaged: int = 0


@dataclass(slots=True)
class _Counted:
    """The count of one file up to an offset. Files only grow, so only the rest must be read."""

    form: RecordForm
    offset: int = 0
    hooks: int = 0
    oldest: datetime | None = None


_lock = threading.Lock()
_known: dict[Path, _Counted] = {}


def depth(folder: Path) -> Depth:
    """Count the hooks in the journals under `folder`, of living and dead processes. Cheap to repeat."""
    with _lock:
        present = {path for path in folder.glob(f"*{SUFFIX}") if is_ours(path)}
        for path in [path for path in _known if path.parent == folder and path not in present]:
            del _known[path]
        counted = [found for path in present if (found := _count(path)) and found.hooks]
    oldest = min((each.oldest for each in counted if each.oldest), default=None)
    damaged = sum(1 for _ in folder.glob(f"*{KEPT_SUFFIX}"))
    return Depth(sum(each.hooks for each in counted), oldest, damaged)


def _count(path: Path) -> _Counted | None:
    """Update the count of a file; return None if the file is gone."""
    known = _known.setdefault(path, _Counted(RecordForm(bytes.fromhex(path.stem))))
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < known.offset:
                known.offset, known.hooks, known.oldest = 0, 0, None
            file.seek(known.offset)
            data = file.read()
    except OSError:
        return None
    end = 0
    for head in known.form.heads(data):
        known.hooks += 1
        known.oldest = min(known.oldest or head.received_at, head.received_at)
        end = head.end
    known.offset += end
    return known
