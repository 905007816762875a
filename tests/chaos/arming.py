"""Orders of a run to the gateway's processes: files in a folder that both know.

A point is armed by a file `<point>.armed`. Whoever reaches it renames the file, which exactly one process can, and dies;
`<point>.reached` with its id is the proof. A file `clock` holds how many seconds in the future the gateway lives.
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
    "effect_unsent": "a page to be written is begun and its codes are used, none of it is sent",
    "effect_sent": "contacts are written, no answer has come",
    "effect_answered": "a page is written and answered, nothing of it is stored",
    "effect_stored": "a page that was written is stored, others wait",
    "effects_ended": "everything is written and stored, finishUri is not intended",
    "finish_intended": "the intent is stored, finishUri is not called",
    "finish_answered": "finishUri is called and answered, the answer is not stored",
    "transfer_unsent": "the batch is finished, a page of its outcome is begun and not sent",
    "transfer_answered": "a page of the outcome is told and answered, nothing is stored",
    "transfer_stored": "a page of the outcome that was told is stored, others wait",
}
# Reached from outside: only the platform knows that a call has arrived. By the simulator's word for the call.
FROM_OUTSIDE = {"rejection_sent": "reject", "effect_sent": "contact"}
CLOCK = "clock"


def arm(folder: Path, point: str) -> None:
    (folder / f"{point}.armed").touch()


def reached(folder: Path, point: str) -> int:
    """The id of the process that has died there; 0 while none has."""
    proof = folder / f"{point}.reached"
    return int(proof.read_text() or 0) if proof.exists() else 0


def turn_clock(folder: Path, seconds: float) -> None:
    """Say how far in the future the gateway lives from now on; negative: in the past."""
    new = folder / f"{CLOCK}.new"
    new.write_text(str(seconds))
    new.replace(folder / CLOCK)
