"""The gateway as started by `manage.py run`, embedded or on PostgreSQL and Redis, and its resource usage."""

import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from tests.servers import common_environment, free_port, servers, temporary_folder

ROOT = Path(__file__).resolve().parent.parent.parent
MODES = {"embedded": "embedded, SQLite", "processes": "processes, PostgreSQL and Redis"}
START_SECONDS = 90
CONFIG = """
projects:
  - name: Newsletter
    actions:
      - identifier: consent-check
        kind: field_rule
        config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}
"""


class NotStarted(Exception):
    """The gateway did not start."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the gateway's processes take together. memory: bytes of PSS; cpu: seconds, user and system."""

    memory: int
    cpu: float


class Gateway:
    """A running gateway; the database's and the broker's own processes are not part of it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.hook_url = f"{url}/webhooks/symplify/"
        self._url = url
        self._process = process
        self._log = log

    def usage(self) -> Usage:
        """Sum up the processes that run now; a page of memory that n of them share counts for 1/n in each."""
        memory, cpu = 0, 0.0
        parent = psutil.Process(self._process.pid)
        for process in (parent, *parent.children(recursive=True)):
            try:
                times = process.cpu_times()
                memory += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
            # Those of children that ended are counted by their parent.
            cpu += times.user + times.system + times.children_user + times.children_system
        return Usage(memory, cpu)

    def lanes(self) -> dict[str, tuple[float, int]]:
        """Return, by lane, for how many seconds work is due that nobody is at, and how many rows are claimed."""
        answer = requests.get(f"{self._url}/metrics", headers={"Authorization": "Bearer figures"}, timeout=60)
        answer.raise_for_status()
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for name, lane, value in _OF_A_LANE.findall(answer.text):
            found[lane][name] = float(value)
        return {lane: (each["due_oldest_seconds"], int(each["claimed"])) for lane, each in found.items()}

    def said(self) -> str:
        """The end of the gateway's log."""
        return self._log.read_text(errors="replace")[-3000:]

    def wait_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if requests.get(f"{self._url}/health/live", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise NotStarted(f"The gateway did not start:\n{self.said()}")


_OF_A_LANE = re.compile(r'^sendgate_(due_oldest_seconds|claimed){lane="(\w+)"} (\S+)$', re.M)


@contextmanager
def gateway(mode: str, *, config: str = CONFIG, **more: str) -> Iterator[Gateway]:
    """Run a gateway of its own, on a loopback port and an empty database. mode: one of MODES; more: of the environment."""
    with ExitStack() as open_things:
        folder = open_things.enter_context(temporary_folder("benchmark"))
        port = free_port()
        environment = {**os.environ, **common_environment(folder), "PORT": str(port), "METRICS_TOKEN": "figures"}
        if mode == "processes":
            environment |= open_things.enter_context(servers(durable=True))
        else:
            environment |= {"DATABASE_URL": f"sqlite:///{folder}/gateway.sqlite3", "CELERY_BROKER_URL": ""}
        environment |= more
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        subprocess.run(
            [*manage, "apply_config", "-"],
            cwd=ROOT,
            env=environment,
            check=True,
            input=config.encode(),
            stdout=subprocess.DEVNULL,
        )
        log = folder / "gateway.log"
        with log.open("wb") as out:
            process = subprocess.Popen([*manage, "run"], cwd=ROOT, env=environment, stdout=out, stderr=out)
        try:
            running = Gateway(process, f"http://127.0.0.1:{port}", log)
            running.wait_ready()
            yield running
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
