"""Deployed gateway: real processes with a separate database and broker."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import psycopg
import redis
import requests
from django.core.management import call_command

from actions.secrets.keys import Keyring
from simulator.client import Simulator
from tests.databases import copy_file, create_database
from tests.servers import TEST_AUTH, common_environment, free_port

# Five processes start at once; on a machine that is busy with other things this takes its time.
START_SECONDS = 90
MARK = "GATEWAY_UNDER_TEST"
ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = """
projects:
  - name: Newsletter
    actions:
      - {identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}}
  - {name: Held, review: always, answer_within: 12s, actions: [{identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}}}]}
  - {name: Hasty, answer_within: 60s, actions: [{identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}}}]}
"""


# Runs what it is told, a line of JSON each, and answers with what that assigned to `found`.
_WITHIN = """
import json, sys, traceback
import django
django.setup()
for line in sys.stdin:
    names = {}
    try:
        exec(json.loads(line), names)
        said = {"found": names.get("found")}
    except Exception:
        said = {"error": traceback.format_exc()}
    print("answer " + json.dumps(said), flush=True)
"""


class Deployment:
    """`manage.py run` in a process group of its own, with everything it needs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.folder = folder
        self.log = folder / "gateway.log"
        self.mark = uuid4().hex
        self.environment = {
            **os.environ,
            **common_environment(folder),
            # By this mark its processes are known, also those that outlive their parents.
            MARK: self.mark,
            # Short time-outs, hence short claims: a killed worker's batch is taken over after some seconds. A disk that
            # others keep busy must not cost a living worker its claim.
            "SYMPLIFY_TIMEOUT": "1",
            "CLAIM_SECONDS": "6",
            "LOG_LEVEL": "INFO",
            **environment,
            "PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._within: subprocess.Popen[str] | None = None
        # What the set-up has returned.
        self.made: Any = None
        self.url = f"http://127.0.0.1:{self.port}"
        self.hook_url = f"{self.url}/webhooks/symplify/"

    def apply(self, config: str) -> None:
        """Apply a configuration file."""
        file = self.folder / "applied.yaml"
        file.write_text(config)
        self.inside(call_command, "apply_config", str(file))

    def inside(self, act: Callable[..., Any], *given: Any) -> Any:
        """Run a function beside the gateway, on its database; returns what it returns, as JSON has it."""
        return self.within(f"from {act.__module__} import {act.__name__} as act\nfound = act(*{given!r})")

    def within(self, code: str) -> Any:
        """Run Python beside the gateway, on its database; returns what it assigns to `found`.

        One process does all of it: to start one each time would take longer than most tests.
        """
        if self._within is not None and self._within.poll() is not None:
            self._end_within()
        if self._within is None:
            self._within = subprocess.Popen(
                [sys.executable, "-c", _WITHIN],
                cwd=ROOT,
                env=self.environment | {"DJANGO_SETTINGS_MODULE": "gateway.settings"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._within.stdin is not None and self._within.stdout is not None
        self._within.stdin.write(json.dumps(code) + "\n")
        self._within.stdin.flush()
        for line in self._within.stdout:
            if line.startswith("answer "):
                said = json.loads(line.removeprefix("answer "))
                assert "error" not in said, said["error"]
                return said["found"]
        raise AssertionError("The process beside the gateway ended.")

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait_until(self.answers, START_SECONDS, "the gateway answers", self.tail)

    def stop(self) -> None:
        """Ask it to end, and see to it that nothing of it stays."""
        self._end_within()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        for each in self.family():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        if self.process is not None:
            self.process.wait(10)
        self.process = None

    def _end_within(self) -> None:
        if self._within is not None:
            self._within.communicate()
            self._within = None

    def kill(self, part: str = "") -> int:
        """Kill with -9 everything, or the processes whose command line holds `part`; returns how many."""
        hit = [each for each in self.family() if part in " ".join(command_of(each))]
        for each in hit:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        if not part and self.process is not None:
            self.process.wait(10)
        return len(hit)

    def family(self) -> list[psutil.Process]:
        """Every process of this gateway that lives, orphans too; the one that started the others first."""
        found = []
        for each in psutil.process_iter():
            try:
                if each.status() != psutil.STATUS_ZOMBIE and each.environ().get(MARK) == self.mark:
                    found.append(each)
            except psutil.Error:
                continue
        return sorted(found, key=lambda each: (self.process is None or each.pid != self.process.pid, each.pid))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if "DATABASE_URL" in self.environment and self.environment["DATABASE_URL"].startswith("postgres"):
            with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
                return connection.execute(query.encode()).fetchall()
        with sqlite3.connect(self.environment["DATABASE_URL"].removeprefix("sqlite:///")) as connection:
            return connection.execute(query).fetchall()

    def keys(self) -> Keyring:
        """What opens the URIs and hooks that it stored."""
        return Keyring(self.environment["ENCRYPTION_KEYS"].split(","))

    def tail(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.tail()
        try:
            return requests.get(f"{self.url}/health/live", timeout=1).ok
        except requests.RequestException:
            return False


@contextmanager
def frozen(gateway: Deployment, part: str) -> Iterator[int]:
    """Stop the processes whose command line holds `part` where they are, and let them go on; gives how many."""
    hit = [each for each in gateway.family() if part in " ".join(command_of(each))]
    for each in hit:
        each.suspend()
    try:
        yield len(hit)
    finally:
        for each in hit:
            each.resume()


def health(gateway: Deployment) -> tuple[int, set[tuple[str, str]]]:
    """What /health/ready says: its status, and the open alarms by code and subject."""
    answer = requests.get(f"http://127.0.0.1:{gateway.port}/health/ready", timeout=10)
    return answer.status_code, {(alarm["code"], alarm.get("subject", "")) for alarm in answer.json()["alarms"]}


def command_of(process: psutil.Process) -> list[str]:
    """Its command line, and its name, since forked ones have the command line of another; empty when it is gone."""
    try:
        return [*process.cmdline(), process.name()]
    except psutil.Error:
        return []


def wait_until(condition: Callable[[], Any], within: float, what: str, more: Callable[[], str] = str) -> Any:
    """Wait for a condition, with a bound; returns what it gave."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"Not within {within:g} s: {what}\n{more()}")


@contextmanager
def deployment(
    folder: Path, mode: str, *, config: str = CONFIG, setup: Callable[[], Any] | None = None, **more: str
) -> Iterator[tuple[Deployment, Simulator]]:
    """A configured gateway and a platform that fires at it. mode: `embedded`, or `processes` on PostgreSQL and Redis.

    setup: what runs beside the gateway before it starts; more: environment, also another database or broker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if mode == "processes":
        environment = {
            "DATABASE_URL": more.get("DATABASE_URL") or create_database(os.environ["DATABASE_URL"]),
            "CELERY_BROKER_URL": more.get("CELERY_BROKER_URL") or _own_broker(),
        }
    else:
        environment = {"DATABASE_URL": copy_file(folder / "gateway.sqlite3"), "CELERY_BROKER_URL": ""}
    gateway = Deployment(folder, environment | more)
    if "DATABASE_URL" in more:
        gateway.inside(call_command, "migrate", "-v0")
    gateway.apply(config)
    if setup is not None:
        gateway.made = gateway.inside(setup)
    gateway.start()
    try:
        with Simulator.start(target=gateway.hook_url, basic_auth=TEST_AUTH) as platform:
            yield gateway, platform
    finally:
        gateway.stop()


def _own_broker() -> str:
    """A database of the Redis that nobody uses yet: each worker of the tests takes its own."""
    server = urlsplit(os.environ["TEST_BROKER_URL"])
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = server._replace(path=f"/{number}").geturl()
    redis.Redis.from_url(url).flushdb()
    return url
