"""A client for the control API, and a way to start a simulator of one's own."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import requests

Report = dict[str, Any]


class SimulatorError(Exception):
    """The simulator refused a control request, did not start, or a condition was not met in time."""


class Simulator:
    """Speaks to a running simulator; every answer is a plain dict as the README describes it. Times in seconds."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.process = process
        self._session = requests.Session()
        self._session.trust_env = False

    @classmethod
    def start(
        cls,
        *,
        target: str = "",
        basic_auth: str = "",
        header: str = "",
        port: int = 0,
        host: str = "127.0.0.1",
        base_url: str = "",
        python: str = sys.executable,
        within: float = 15.0,
    ) -> Self:
        """Start a simulator in its own process, by default on a free port; it ends with `stop` or with this process."""
        command = [python, "-m", "simulator", "--host", host, "--port", str(port), "--until-stdin-ends"]
        given = {"--target": target, "--basic-auth": basic_auth, "--header": header, "--base-url": base_url}
        command += [f"{name}={value}" for name, value in given.items() if value]
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        line = _first_line(cast(IO[str], process.stdout), within)
        if not line.startswith("simulator ready on "):
            _end(process)
            raise SimulatorError(f"The simulator did not start; it said {line!r}.")
        return cls(line.removeprefix("simulator ready on ").strip(), process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the connections, and end the process where this object started one."""
        self._session.close()
        if self.process is not None:
            _end(self.process)
            self.process = None

    def health(self) -> Report:
        """Ask whether it is there."""
        return self._call("GET", "/control/health")

    def create(self, kind: str, **wanted: Any) -> Report:
        """Create a sendout (`kind` is batch or single) and, unless fire=False, fire its hooks."""
        return self._call("POST", "/control/sendouts", {"kind": kind, **wanted})

    def sendout(self, sendout_id: str) -> Report:
        """Tell how a sendout stands."""
        return self._call("GET", f"/control/sendouts/{sendout_id}")

    def sendouts(self) -> list[Report]:
        """Tell how all sendouts stand."""
        return cast(list[Report], self._call("GET", "/control/sendouts")["sendouts"])

    def violations(self) -> list[Report]:
        """List what was done against the protocol, on whatever sendout (the first thousand)."""
        return cast(list[Report], self._call("GET", "/control/violations")["violations"])

    def fire(self, sendout_id: str) -> Report:
        """Fire the hooks of a sendout once more: duplicates, unless it was created with fire=False."""
        return self._call("POST", f"/control/sendouts/{sendout_id}/fire")

    def excuse(self, sendout_id: str) -> Report:
        """Count the answers given up to now as lost; for a gateway that was killed and may repeat its calls."""
        return self._call("POST", f"/control/sendouts/{sendout_id}/excuse")

    def receiver(self, name: str, **wanted: Any) -> str:
        """Set a receiver up, or anew; returns where it takes things."""
        return cast(str, self._call("POST", "/control/receivers", {"name": name, **wanted})["url"])

    def received(self, name: str) -> Report:
        """Tell what a receiver took."""
        return self._call("GET", f"/control/receivers/{name}")

    def faults(
        self, faults: Sequence[Report] = (), *, latency: float | None = None, repeat_status: int | None = None
    ) -> Report:
        """Set the faults and settings for all sendouts; without arguments, clear them."""
        return self._call(
            "POST", "/control/faults", {"faults": list(faults), "latency": latency, "repeat_status": repeat_status}
        )

    def rest(self, **settings: Any) -> Report:
        """Change how the REST API behaves, where anything is given, and tell what was written through it."""
        if settings:
            self._call("POST", "/control/rest", settings)
        return self._call("GET", "/control/rest")

    def consent(self, **wanted: Any) -> Report:
        """Set up the consent service (`refusing`, `unknown`, `token`); without arguments, as at the start."""
        return self._call("POST", "/control/consent", wanted)

    def consent_asked(self) -> Report:
        """Tell how often the consent service was asked."""
        return self._call("GET", "/control/consent")

    def reset(self) -> Report:
        """Forget everything."""
        return self._call("POST", "/control/reset")

    def hook(self, body: str = "", **wanted: str) -> Report:
        """Fire any text, or any bytes given as base64=…, at the target."""
        return self._call("POST", "/control/hook", wanted if "base64" in wanted else {"body": body, **wanted})

    def wait_for(self, sendout_id: str, condition: Callable[[Report], bool], within: float = 30.0) -> Report:
        """Look at a sendout until the condition holds for its report; raises SimulatorError with the last report."""
        limit = time.monotonic() + within
        while True:
            report = self.sendout(sendout_id)
            if condition(report):
                return report
            if time.monotonic() > limit:
                raise SimulatorError(f"Not within {within:g} s; the last report was {report}.")
            time.sleep(0.02)

    def wait_finished(self, sendout_id: str, within: float = 30.0) -> Report:
        """Wait until every delivery of a sendout is finished."""
        return self.wait_for(sendout_id, lambda report: report["finished"] == report["deliveries"], within)

    def _call(self, method: str, path: str, content: Report | None = None) -> Report:
        # Firing many hooks at a pace may take as long as the caller asked for: only the connection is timed.
        answer = self._session.request(method, self.url + path, json=content, timeout=(5, None))
        if not answer.ok:
            raise SimulatorError(f"{method} {path}: {answer.status_code} {answer.text}")
        return cast(Report, answer.json())


def _first_line(stream: IO[str], within: float) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return stream.readline() if selector.select(within) else ""


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
