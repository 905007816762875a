"""The shipped nginx before two door services and the web process: a hook is answered while any of them is away."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.databases import copy_file
from tests.servers import TEST_AUTH, common_environment, free_port, wait_for_port

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = {"door": ("serve", "--door"), "door-2": ("serve", "--door"), "web": ("serve",)}
MARK = "SERVICE_UNDER_TEST"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Services:
    """The services of compose that take hooks, with the shipped configuration of the proxy, on ports of their own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in (*COMMANDS, "proxy", "health")}
        self.environment = {**os.environ, **common_environment(folder), "DATABASE_URL": database}
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}/webhooks/symplify/"

    def start(self, name: str) -> None:
        """Start a service, and wait until it answers."""
        given = {**self.environment, "PORT": str(self.ports[name]), MARK: f"{self.folder} {name}"}
        command = [sys.executable, "manage.py", *COMMANDS[name]]
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=out, stderr=out, start_new_session=True)
        self._started.append(process)
        wait_for_port(self.ports[name], process, log)
        url = f"http://127.0.0.1:{self.ports[name]}/webhooks/symplify/"
        assert requests.get(url, timeout=60).status_code == 200

    def start_proxy(self) -> None:
        text = (ROOT / "docker/nginx.conf").read_text()
        for name in COMMANDS:
            text = re.sub(rf"http://{name}:\d+;", f"http://127.0.0.1:{self.ports[name]};", text)
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{self.ports['proxy']};")
        text = text.replace("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{self.ports['health']};")
        (self.folder / "nginx.conf").write_text(f"daemon off;\npid {self.folder}/nginx.pid;\n{text}")
        log = self.folder / "nginx.log"
        assert NGINX is not None
        command = [NGINX, "-p", str(self.folder), "-e", str(log), "-c", str(self.folder / "nginx.conf")]
        process = subprocess.Popen(command)
        self._started.append(process)
        wait_for_port(self.ports["proxy"], process, log)

    def family(self, name: str) -> list[psutil.Process]:
        """The processes of a service: the master, its doors and their keeper."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.environ().get(MARK) == f"{self.folder} {name}" and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to every process of a service, as when its container is killed or frozen."""
        family = self.family(name)
        for each in family:
            with suppress(psutil.Error):
                each.send_signal(number)
        if number == signal.SIGKILL:
            psutil.wait_procs(family, 10)

    def end(self) -> None:
        for name in COMMANDS:
            self.signal(name, signal.SIGKILL)
        for process in self._started:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    if NGINX is None:
        pytest.skip("No nginx: install it to try docker/nginx.conf (apt-get install nginx-light).")
    folder = tmp_path_factory.mktemp("proxy")
    made = Services(folder, copy_file(folder / "gateway.sqlite3"))
    try:
        for name in COMMANDS:
            made.start(name)
        made.start_proxy()
        yield made
    finally:
        made.end()


def post(services: Services) -> int:
    user, password = TEST_AUTH.split(":")
    return requests.post(services.url, json={"event": "x"}, auth=(user, password), timeout=10).status_code


@pytest.mark.parametrize("away", [["door"], ["door-2"], ["door", "door-2"]])
@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_hooks_are_answered_while_services_are_away(services: Services, away: list[str], how: signal.Signals) -> None:
    assert post(services) == 202
    for name in away:
        services.signal(name, how)
    try:
        answers = [post(services) for _ in range(5)]
    finally:
        for name in away:
            if how == signal.SIGSTOP:
                services.signal(name, signal.SIGCONT)
            else:
                services.start(name)
    assert answers == [202] * 5
