"""A PostgreSQL of one test's own, which can be stopped in the middle of everything, killed, and started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
        # The first one first, so that it starts no other.
        self._main.suspend()
        for child in self._main.children(recursive=True):
            child.suspend()

    def go_on(self) -> None:
        for process in [*self._main.children(recursive=True), self._main]:
            process.resume()

    def kill(self) -> None:
        """SIGKILL, as when its machine dies."""
        family = [self._main, *self._main.children(recursive=True)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, 10)

    def start(self) -> None:
        """Start it again on its data, at its port."""
        as_user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        log = self._folder / "log"
        with log.open("ab") as out:
            self._started = subprocess.Popen(
                self._command, stdout=out, stderr=out, env={**os.environ, "LC_ALL": "C"}, **as_user
            )  # type: ignore[call-overload]
        self._main = psutil.Process(self._started.pid)
        wait_for_port(int(self.url.rsplit(":", 1)[1].split("/")[0]), self._started, log)

    def end(self) -> None:
        if self._started is not None and self._started.poll() is None:
            self.go_on()
            self._started.send_signal(signal.SIGINT)
            self._started.wait(20)


@contextmanager
def own_postgresql() -> Iterator[Server]:
    """A server that no other test uses."""
    with temporary_folder("outage") as folder, postgresql(folder) as url:
        server = Server(folder, url)
        try:
            yield server
        finally:
            server.end()
            if server._main.is_running():
                server.go_on()
