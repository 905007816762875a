"""A PostgreSQL server for one test, which can be stopped at any moment, killed, and restarted."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.servers import postgresql, temporary_folder, wait_for_port


class Server:
    """The processes of the server in `folder`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._folder = folder
        self._main = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        self._command = self._main.cmdline()
        self._started: subprocess.Popen[bytes] | None = None

    def hang(self) -> None:
        """SIGSTOP: connections stay open, the kernel takes what is sent, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as when its machine dies."""
        psutil.wait_procs(self._signal(signal.SIGKILL), 10)

    def _signal(self, number: signal.Signals) -> list[psutil.Process]:
        if not self._main.is_running():
            return []
        # Stopped first, it starts no other; its children are asked for after that, and before it is gone.
        self._main.send_signal(signal.SIGSTOP)
        family = [*self._main.children(recursive=True), self._main]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return family

    def start(self) -> None:
        """Start it again on its data, at its port."""
        as_user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        log = self._folder / "log"
        with log.open("ab") as out:
            self._started = subprocess.Popen(
                self._command, stdout=out, stderr=out, env={**os.environ, "LC_ALL": "C"}, **as_user
            )
        self._main = psutil.Process(self._started.pid)
        wait_for_port(int(self.url.rsplit(":", 1)[1].split("/")[0]), self._started, log)

    def end(self) -> None:
        """Let it go on, so that it can be ended; end it, if it is not the first one, which somebody else ends."""
        self.go_on()
        if self._started is not None:
            self.kill()
            self._started.wait(10)


@contextmanager
def own_postgresql() -> Iterator[Server]:
    """A server that no other test uses."""
    with temporary_folder("outage") as folder, postgresql(folder) as url:
        server = Server(folder, url)
        try:
            yield server
        finally:
            server.end()
