"""How a run tells the gateway's processes what is to happen: files in a folder that both know.

A point is armed by a file `<point>.armed`. Whoever reaches it renames the file, which exactly one process can, and dies;
`<point>.reached` is the proof. A file `clock` holds how many seconds in the future the gateway lives.
"""

from pathlib import Path

# In the order in which a batch passes them; the sentence says what is done and what is not.
POINTS = {
    "stored": "the hook is stored, its 202 has not left",
    "acknowledged": "the 202 has left, the nudge has not",
    "planning": "in planning, before its COMMIT",
    "in_chunk": "in the third chunk, before its COMMIT",
    "after_chunk": "after the COMMIT of the third chunk",
    "last_chunk": "all chunks are stored, the batch is not screened",
    "rejection_sent": "rejections are sent, no answer has come",
    "answer_read": "answers to rejections have come, none is stored",
    "finish_intended": "the intent is stored, finishUri is not called",
    "finish_answered": "finishUri is called and answered, the answer is not stored",
}
# Reached from outside: only the platform knows that a call has arrived. See tests.chaos.points.
FROM_OUTSIDE = "rejection_sent"
CLOCK = "clock"


def arm(folder: Path, point: str) -> None:
    (folder / f"{point}.armed").touch()


def reached(folder: Path, point: str) -> bool:
    return (folder / f"{point}.reached").exists()


def turn_clock(folder: Path, seconds: float) -> None:
    """Say how far in the future the gateway lives from now on; negative: in the past."""
    new = folder / f"{CLOCK}.new"
    new.write_text(str(seconds))
    new.replace(folder / CLOCK)
