"""A real SFTP server in a thread, whose folder a test looks into, and whose faults it writes."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "gate", "pass:word é"


class Sftp:
    """`fault(bytes so far)` is asked before each write: "" nothing, "cut" the connection, or "hang" until it says otherwise."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self.host_key = ""
        self.logins = 0
        self.fault: Callable[[int], str] = lambda written: ""
        self.may_write = True
        # What a session leaves open that is cut off while it works, the library closes no more.
        self.opened: set[Any] = set()

    def files(self) -> dict[str, bytes]:
        found = {path.relative_to(self.root): path for path in self.root.rglob("*") if path.is_file()}
        return {str(name): path.read_bytes() for name, path in found.items()}


@contextmanager
def sftp_server(root: Path) -> Iterator[Sftp]:
    """Serve a folder on a free port of 127.0.0.1."""
    state = Sftp(root)
    loop = asyncio.new_event_loop()
    key = asyncssh.generate_private_key("ssh-ed25519")
    state.host_key = key.get_fingerprint("sha256")
    connections: list[Any] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, connection: Any) -> None:
            connections.append(connection)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            state.logins += 1
            return (username, password) == (USER, PASSWORD)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(root))
            self.channel_of_it = channel
            self.written = 0

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if not state.may_write:
                raise asyncssh.SFTPPermissionDenied("no")
            file = super().open(path, pflags, attrs)
            state.opened.add(file)
            return file

        def close(self, file: Any) -> None:
            state.opened.discard(file)
            super().close(file)

        async def write(self, file: Any, offset: int, data: bytes) -> int:
            if state.fault(self.written) == "cut":
                self.channel_of_it.get_connection().abort()
            while state.fault(self.written) == "hang":
                await asyncio.sleep(0.02)
            self.written += len(data)
            written: int = super().write(file, offset, data)
            return written

    async def begin() -> Any:
        return await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Files, allow_scp=False
        )

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    state.port = listener.sockets[0].getsockname()[1]

    async def end() -> None:
        state.fault = lambda written: ""
        listener.close()
        await listener.wait_closed()
        for connection in connections:
            connection.abort()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for file in state.opened:
            file.close()

    try:
        yield state
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
