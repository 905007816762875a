"""Environment values that need more than a type: credentials, a generated key, the database."""

import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import re2
from django.core.exceptions import ImproperlyConfigured


def basic_pairs(entries: list[str]) -> tuple[tuple[str, str], ...]:
    """Read `user:password` entries, each part percent-encoded."""
    pairs = []
    for entry in entries:
        user, colon, password = entry.partition(":")
        if not (user and colon and password):
            raise ImproperlyConfigured(
                "WEBHOOK_BASIC_AUTH: each entry is user:password, several with commas; "
                "write ',', ':' and '%' inside a part percent-encoded (%2C, %3A, %25)."
            )
        pairs.append((unquote(user), unquote(password)))
    return tuple(pairs)


def bucket_url(name: str, text: str) -> str:
    """Return the place in S3-compatible storage, s3://bucket/prefix, or ""."""
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()-]+)*/?", text):
        # The value is not quoted: it may hold what should be in AWS's own settings.
        raise ImproperlyConfigured(
            f"{name}: write s3://bucket/prefix; credentials and address come by AWS's own names."
        )
    return text


def body_pattern(name: str, text: str) -> str:
    """Return the pattern for bodies of answers, once RE2 can read it."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as error:
        raise ImproperlyConfigured(f"{name} is not a regular expression that RE2 can read.") from error
    return text


def credential_headers(name: str, text: str) -> dict[str, str]:
    """Read one CREDENTIAL_… variable: `bearer:TOKEN`, `basic:USER:PASSWORD` or `header:NAME:VALUE`."""
    way, _, rest = text.partition(":")
    if way == "bearer" and rest:
        return {"Authorization": f"Bearer {rest}"}
    if way in {"basic", "header"}:
        left, colon, right = rest.partition(":")
        if left and colon and right:
            return {left: right} if way == "header" else {"Authorization": _basic(left, right)}
    raise ImproperlyConfigured(f"{name}: write bearer:TOKEN, basic:USER:PASSWORD or header:NAME:VALUE.")


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def kept_key(data_dir: Path, name: str, make: Callable[[], str]) -> str:
    """Return the key of this data folder, made at its first start; only embedded deployments use it."""
    path = data_dir / name
    try:
        return path.read_text()
    except FileNotFoundError:
        data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            path.chmod(0o600)
            file.write(make())
    except FileExistsError:
        pass  # another process of the same start made it first
    return path.read_text()


def secret_key() -> str:
    return secrets.token_urlsafe(50)


def secret_texts(*values: Any) -> tuple[str, ...]:
    """Return every text in the values; for a header value, also the part after the scheme."""
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found += [value, value.partition(" ")[2]]
        elif isinstance(value, dict):
            found += secret_texts(*value.values())
        elif isinstance(value, list | tuple):
            found += secret_texts(*value)
    return tuple(text for text in found if text)


def check_url(name: str, text: str) -> None:
    """Refuse the URL of a server that can be read in two ways; the message does not repeat it."""
    scheme, _, rest = text.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if scheme == "sqlite" or not rest:
        return
    behind = rest.removeprefix(authority)
    user = authority.rpartition("@")[0]
    if "#" in behind or "@" in behind or "@" in user or re.search("%(?![0-9A-Fa-f]{2})", user):
        raise ImproperlyConfigured(
            f"{name}: write '#', '/', '?', '@' and '%' inside the user or the password percent-encoded "
            "(%23, %2F, %3F, %40, %25)."
        )
    for host in authority.rpartition("@")[2].split(","):
        if not re.fullmatch(r"(\[[^\]]*\]|[^\[\]:]*)(:\d*)?", host):
            raise ImproperlyConfigured(f"{name}: write ':' and the number of the port after the host.")


def broker(url: str) -> str:
    """Return the URL of the broker; over TLS its certificate is checked, unless the URL says otherwise."""
    check_url("CELERY_BROKER_URL", url)
    if url.startswith("rediss://") and "ssl_cert_reqs=" not in url:
        url += ("&" if "?" in url else "?") + "ssl_cert_reqs=required"
    return url


# File systems of local disks that keep what was synced. Others lie in memory (tmpfs), end with their container
# (overlay) or are a network's, whose locks and syncs cannot be relied upon.
DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "bcachefs"})


def is_on_disk(path: Path, mounts: str | None = None) -> bool:
    """Return whether a path is on a local disk, by the file system of its mount; False if this cannot be told.

    mounts: the content of /proc/self/mountinfo.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text()
        except OSError:
            return False
    real, found, kind = path.resolve(), Path("/nowhere"), ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        # A space in a name is written as an escape.
        point = Path(left.split(" ")[4].encode().decode("unicode_escape"))
        # Of several mounts at one point the last one is seen.
        if real.is_relative_to(point) and (not kind or point.is_relative_to(found)):
            found, kind = point, right.split(" ")[0]
    return kind in DISKS


def database(parsed: dict[str, Any]) -> dict[str, Any]:
    """Add the options that each database engine needs here to the parsed DATABASE_URL."""
    if parsed["ENGINE"].endswith("sqlite3"):
        return parsed | {
            "ENGINE": "work.sqlite",
            # Tests use a file with a write-ahead log as well, as deployments do.
            "TEST": {"NAME": f"{parsed['NAME']}-test"},
            "OPTIONS": {
                # DEFERRED transactions raise "database is locked" under load; measured, see docs/adr.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: an acknowledged hook survives a power cut.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
        }
    if parsed["ENGINE"].endswith("postgresql"):
        options = parsed.get("OPTIONS", {}) | {
            # The pool's retry delays grow during an outage. Give up early instead: the next request for a connection
            # retries at once.
            "pool": {"min_size": 0, "max_size": 32, "timeout": 5, "max_idle": 60, "reconnect_timeout": 2},
            "connect_timeout": 3,
            # Detect a vanished peer within this many milliseconds instead of hours, also while only listening.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        # After a restart of the database the pool is full of dead connections: check each before use.
        return parsed | {
            "ENGINE": "work.postgresql",
            "OPTIONS": options,
            "CONN_HEALTH_CHECKS": True,
        }
    raise ImproperlyConfigured("DATABASE_URL: use postgres://… (production) or sqlite:///… (embedded).")
