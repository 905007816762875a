"""Real SFTP server in a thread, with a folder that tests inspect and faults that they set."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "gate", "pass:word é"


class Sftp:
    """A session is cut off once it has written `cut_at` bytes. `hangs(bytes)` is asked before each write, until it says no."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self.host_key = self.other_host_key = ""
        self.logins = 0
        self.cut_at: int | None = None
        self.hangs: Callable[[int], bool] = lambda written: False
        self.may_write = self.may_read = True
        self.may_rename = self.may_make_folders = True
        # A public key that logs in; with it, no password does.
        self.public_key: Any = None
        # As with a libcurl that asks for appending where it continues a file.
        self.appends = False
        # Bytes that each session has written, and read.
        self.written: list[int] = []
        self.read = 0
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
    keys = [asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")]
    state.host_key, state.other_host_key = (key.get_fingerprint("sha256") for key in keys)
    connections: list[Any] = []

    class Server(asyncssh.SSHServer):
        def connection_made(self, connection: Any) -> None:
            connections.append(connection)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            state.logins += 1
            return state.public_key is None and (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return state.public_key is not None

        def validate_public_key(self, username: str, key: Any) -> bool:
            return bool(username == USER and key == state.public_key)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(root))
            self.channel_of_it = channel
            self.number = len(state.written)
            state.written.append(0)

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if not (state.may_write if pflags & asyncssh.FXF_WRITE else state.may_read):
                raise asyncssh.SFTPPermissionDenied("no")
            if state.appends and pflags == asyncssh.FXF_WRITE:
                pflags |= asyncssh.FXF_APPEND
            file = super().open(path, pflags, attrs)
            state.opened.add(file)
            return file

        def mkdir(self, path: bytes, attrs: Any) -> None:
            if not state.may_make_folders:
                raise asyncssh.SFTPPermissionDenied("no")
            super().mkdir(path, attrs)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            if not state.may_rename:
                raise asyncssh.SFTPPermissionDenied("no")
            super().rename(oldpath, newpath)

        def close(self, file: Any) -> None:
            state.opened.discard(file)
            super().close(file)

        def read(self, file: Any, offset: int, size: int) -> bytes:
            found: bytes = super().read(file, offset, size)
            state.read += len(found)
            return found

        async def write(self, file: Any, offset: int, data: bytes) -> int:
            so_far = state.written[self.number]
            if state.cut_at is not None and so_far + len(data) > state.cut_at:
                self.channel_of_it.get_connection().abort()
                data = data[: max(0, state.cut_at - so_far)]
            while state.hangs(so_far):
                await asyncio.sleep(0.02)
            state.written[self.number] += len(data)
            written: int = super().write(file, offset, data)
            return written

    async def begin() -> Any:
        return await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=keys, sftp_factory=Files, allow_scp=False
        )

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    state.port = listener.sockets[0].getsockname()[1]

    async def end() -> None:
        state.hangs = lambda written: False
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
