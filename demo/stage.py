"""Setup of the demo: a gateway and a simulator that know each other, in a separate folder."""

import fcntl
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import requests

from demo.api import Api
from demo.children import ROOT, Child, choose_port, die_with_parent, inherited, last_lines
from demo.errors import DemoFailed
from demo.screen import Screen
from simulator.client import Simulator, SimulatorError

USER = "demo"
START_SECONDS = 60.0
# Seconds to wait for the exit of a process that broke off a connection.
DYING_SECONDS = 1.0
# Simulated network delay, so that calls cost as much as with a remote platform.
LATENCY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """The running processes, and the clients for them."""

    url: str
    user: str
    password: str
    children: tuple[Child, ...]
    simulator: Simulator
    api: Api

    @classmethod
    def build(
        cls, stack: ExitStack, screen: Screen, *, folder: Path, port: int, config: Path, password: str, patience: float
    ) -> "Stage":
        """Start everything and report each step; the stack ends it. port: 0 means any. Raises DemoFailed."""
        _own(stack, folder)
        found = choose_port(port)
        if port and found != port:
            screen.say(f"Port {port} is taken, so the gateway listens on {found}.")
        hook_password = secrets.token_urlsafe(18)
        env = environment(folder, found, hook_password)
        token = _prepare(screen, folder, env, config, password)

        url = f"http://127.0.0.1:{found}"
        screen.say("Starting the gateway: door, screens, workers and clock in one process …")
        gateway = Child("gateway", [sys.executable, "manage.py", "run"], env, folder / "gateway.log")
        stack.enter_context(gateway)
        screen.say("Starting the simulator, which plays the platform …")
        target = ["--target", f"{url}/webhooks/symplify/", "--basic-auth", f"hook:{hook_password}"]
        port_of_simulator = choose_port(0)
        how = ["--port", str(port_of_simulator), "--patience", str(patience), "--until-stdin-ends"]
        command = [sys.executable, "-m", "simulator", *how, *target]
        player = Child("simulator", command, inherited(), folder / "simulator.log")
        stack.enter_context(player)
        simulator = Simulator(f"http://127.0.0.1:{port_of_simulator}")
        stack.callback(simulator.stop)
        player.wait_for(f"{simulator.url}/control/health", START_SECONDS)
        gateway.wait_for(f"{url}/health/ready", START_SECONDS)
        simulator.faults(latency=LATENCY_SECONDS)
        return cls(url, USER, password, (gateway, player), simulator, Api(url, token))

    def check(self) -> None:
        """Raise DemoFailed if a child has exited."""
        for child in self.children:
            child.check()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Report a failure in this context as the death of a child, if one has died."""
        try:
            yield
        except (DemoFailed, SimulatorError, requests.RequestException) as problem:
            for child in self.children:
                child.check(grace=DYING_SECONDS)
            if isinstance(problem, requests.RequestException):
                raise DemoFailed(f"The simulator does not answer ({type(problem).__name__}).") from problem
            raise


def environment(folder: Path, port: int, hook_password: str) -> dict[str, str]:
    """Return the whole environment of the gateway, without the developer's shell settings or .env."""
    return inherited() | {
        "ENV_FILE": "/nonexistent",
        "DATA_DIR": str(folder),
        "PORT": str(port),
        # On a busy machine, a hook that SQLite does not store in time goes to the local disk.
        "JOURNAL": "1",
        "WEBHOOK_BASIC_AUTH": f"hook:{hook_password}",
        "SYMPLIFY_ALLOWED_HOSTS": "127.0.0.1",
        "SYMPLIFY_ALLOW_HTTP": "1",
        "LOG_JSON": "0",
    }


def _own(stack: ExitStack, folder: Path) -> None:
    """Claim the folder for this run, and remove what the last run left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "demo.lock"
    if (folder / "gateway.sqlite3").exists() and not mark.exists():
        raise DemoFailed(f"{folder} holds the data of a gateway that is no demo; set DEMO_DATA_DIR to another folder.")
    lock = stack.enter_context(mark.open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoFailed(f"Another demo runs in {folder}. End it first, or set DEMO_DATA_DIR.") from error
    for pattern in ("gateway.sqlite3*", "beat-schedule*", "gateway.log", "simulator.log", "journal/*"):
        for path in folder.glob(pattern):
            path.unlink()


def _prepare(screen: Screen, folder: Path, env: dict[str, str], config: Path, password: str) -> str:
    """Create database, configuration and login; return the API token."""
    log = folder / "gateway.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.prepare", str(config)],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    with process:
        try:
            to_it, from_it = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
            to_it.write(f"{USER} {password}\n")
            to_it.close()
            token = ""
            for line in from_it:
                word, _, rest = line.strip().partition(" ")
                if word == "token":
                    token = rest
                else:
                    screen.say(line.strip())
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code or not token:
        raise DemoFailed(f"The gateway could not be set up.\n{last_lines(log)}")
    return token
