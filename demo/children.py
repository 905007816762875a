"""Child processes of the demo: each has a log, is watched, and always ends with the demo."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import requests

from demo.errors import DemoFailed

ROOT = Path(__file__).resolve().parent.parent
END_SECONDS = 10.0
LINES_SHOWN = 12


class Child:
    """One process, from its start to its end; leaving the context ends it."""

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl+C in the terminal reaches only the demo, which then ends the others in order.
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

    def check(self, grace: float = 0) -> None:
        """Raise DemoFailed with the end of the log if the process has exited, waiting `grace` seconds for its exit."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        code = self._process.poll()
        if code is not None:
            how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
            raise DemoFailed(f"The {self.name} ended by itself ({how}).\n{last_lines(self.log)}")

    def wait_for(self, url: str, within: float) -> None:
        """Wait until the URL answers; raise DemoFailed."""
        limit = time.monotonic() + within
        with requests.Session() as session:
            session.trust_env = False
            while True:
                self.check()
                try:
                    if session.get(url, timeout=2).ok:
                        return
                except requests.RequestException:
                    pass  # not listening yet
                if time.monotonic() > limit:
                    raise DemoFailed(
                        f"The {self.name} did not answer at {url} within {within:g} s.\n{last_lines(self.log)}"
                    )
                time.sleep(0.05)

    def end(self) -> None:
        """Terminate the process; kill it if it does not end, or after a second Ctrl+C."""
        try:
            if self._process.poll() is None:
                self._process.terminate()
                self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # killed below
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()


def die_with_parent() -> None:
    """Make Linux end this child if the demo is killed without notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def last_lines(log: Path) -> str:
    """Return the end of a log, with its name."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES_SHOWN:] if log.exists() else []
    if not lines:
        return f"Its log {log} is empty."
    return "\n".join([f"The last lines of {log}:", *(f"    {line}" for line in lines)])


def choose_port(wanted: int) -> int:
    """Return the wanted port of 127.0.0.1 if it is free, else any free one; 0 means any.

    Systems give the ports from 32768 on to outgoing connections, perhaps before a program that starts binds its own.
    """
    others = [10_000 + secrets.randbelow(22_000) for _ in range(100)]
    for port in (wanted, *others) if wanted else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("No port of 127.0.0.1 is free.")


def inherited() -> dict[str, str]:
    """Return the part of the environment that children inherit, without settings of the gateway."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }
