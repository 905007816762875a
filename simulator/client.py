"""Client for the control API, and a launcher for a simulator process."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Self, cast

import requests

Report = dict[str, Any]


class SimulatorError(Exception):
    """The simulator refused a control request, did not start, or did not meet a condition in time."""


class Simulator:
    """Client of a running simulator; every answer is a dict as described in the README. Times in seconds."""

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
        within: float = 60.0,
    ) -> Self:
        """Start a simulator process, by default on a free port; it ends with `stop` or with this process."""
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

    def __exit__(self, *raised: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the connections, and end the process if this object started one."""
        self._session.close()
        if self.process is not None:
            _end(self.process)
            self.process = None

    def health(self) -> Report:
        """Return the simulator's health report."""
        return self._call("GET", "/control/health")

    def create(self, kind: str, **wanted: Any) -> Report:
        """Create a sendout (`kind` is batch or single) and, unless fire=False, fire its hooks."""
        return self._call("POST", "/control/sendouts", {"kind": kind, **wanted})

    def sendout(self, sendout_id: str) -> Report:
        """Return the report of one sendout."""
        return self._call("GET", f"/control/sendouts/{sendout_id}")

    def sendouts(self) -> list[Report]:
        """Return the reports of all sendouts."""
        return cast(list[Report], self._call("GET", "/control/sendouts")["sendouts"])

    def violations(self) -> list[Report]:
        """Return the first thousand violations of the protocol, on all sendouts."""
        return cast(list[Report], self._call("GET", "/control/violations")["violations"])

    def fire(self, sendout_id: str) -> Report:
        """Fire the hooks of a sendout again: duplicates, unless it was created with fire=False."""
        return self._call("POST", f"/control/sendouts/{sendout_id}/fire")

    def excuse(self, sendout_id: str) -> Report:
        """Count all answers so far as lost, for a gateway that was killed and may repeat its calls."""
        return self._call("POST", f"/control/sendouts/{sendout_id}/excuse")

    def receiver(self, name: str, **wanted: Any) -> str:
        """Create or replace a receiver; return its URL."""
        return cast(str, self._call("POST", "/control/receivers", {"name": name, **wanted})["url"])

    def received(self, name: str) -> Report:
        """Return the report of a receiver."""
        return self._call("GET", f"/control/receivers/{name}")

    def faults(
        self, faults: Sequence[Report] = (), *, latency: float | None = None, repeat_status: int | None = None
    ) -> Report:
        """Set the faults and settings for all sendouts; without arguments, clear them."""
        return self._call(
            "POST", "/control/faults", {"faults": list(faults), "latency": latency, "repeat_status": repeat_status}
        )

    def rest(self, **settings: Any) -> Report:
        """Change the given settings of the REST API, and return the report of what was written through it."""
        if settings:
            self._call("POST", "/control/rest", settings)
        return self._call("GET", "/control/rest")

    def consent(self, **wanted: Any) -> Report:
        """Set up the consent service (`refusing`, `unknown`, `token`, `oauth`); without arguments, restore defaults."""
        return self._call("POST", "/control/consent", wanted)

    def consent_asked(self) -> Report:
        """Return the consent service's report of its questions."""
        return self._call("GET", "/control/consent")

    def oauth(self, **wanted: Any) -> Report:
        """Set up the token endpoint if anything is given; return how many tokens it issued, and what it refused."""
        if wanted:
            self._call("POST", "/control/oauth", wanted)
        return self._call("GET", "/control/oauth")

    def revoke_tokens(self) -> Report:
        """Accept none of the tokens issued so far."""
        return self._call("POST", "/control/oauth/revoke")

    def reset(self) -> Report:
        """Delete all state."""
        return self._call("POST", "/control/reset")

    def hook(self, body: str = "", **wanted: str) -> Report:
        """Fire any text, or bytes given as base64=…, at the target."""
        return self._call("POST", "/control/hook", wanted if "base64" in wanted else {"body": body, **wanted})

    def wait_for(self, sendout_id: str, condition: Callable[[Report], bool], within: float = 30.0) -> Report:
        """Poll a sendout until its report meets the condition; on time-out raise SimulatorError with the report."""
        limit = time.monotonic() + within
        while True:
            report = self.sendout(sendout_id)
            if condition(report):
                return report
            if time.monotonic() > limit:
                raise SimulatorError(f"Not within {within:g} s; the last report was {report}.")
            time.sleep(0.02)

    def wait_finished(self, sendout_id: str, within: float = 30.0) -> Report:
        """Poll a sendout until all its deliveries are finished."""
        return self.wait_for(sendout_id, lambda report: report["finished"] == report["deliveries"], within)

    def _call(self, method: str, path: str, content: Report | None = None) -> Report:
        # Time out only the connection: firing many hooks at a pace may take as long as the caller asked for.
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
