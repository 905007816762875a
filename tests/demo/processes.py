"""Runs of the demo as a person starts it, in separate folders."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 180


@contextmanager
def started(folder: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m demo` with its output in a file, `folder`/out; ended, if need be, when the context is left."""
    folder.mkdir(exist_ok=True)
    demo = {"DEMO_DATA_DIR": str(folder / "data"), "DEMO_PORT": "0", "DEMO_PATIENCE": "20"}
    environment = {**os.environ, **demo, **env}
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_hears_interrupts,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def _hears_interrupts() -> None:
    """A shell has what it starts in the background ignore SIGINT, and the demo would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def said(folder: Path) -> str:
    """What it wrote so far."""
    return (folder / "out").read_text()


def wait_until_said(folder: Path, process: subprocess.Popen[str], text: str) -> None:
    """Wait until the demo has written the text; fails when it ends before, or never does."""
    limit = time.monotonic() + LIMIT
    while text not in said(folder):
        assert process.poll() is None, said(folder)
        assert time.monotonic() < limit, said(folder)
        time.sleep(0.05)


def children(process: subprocess.Popen[str]) -> dict[str, int]:
    """The processes that the demo has started: gateway and simulator, with their ids."""
    ids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for pid in ids:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        found["gateway" if "manage.py" in command else "simulator" if "simulator" in command else command] = int(pid)
    return found


def gone(pid: int) -> bool:
    """Whether no such process runs any more; one that ended and that nobody has waited for is gone too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_until_gone(pids: Iterable[int]) -> None:
    """Wait until none of these processes runs; fails when one goes on."""
    limit = time.monotonic() + 30
    for pid in pids:
        while not gone(pid):
            assert time.monotonic() < limit, f"process {pid} goes on"
            time.sleep(0.02)
