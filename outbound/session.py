"""Single calls through requests, behind the same guard as the fan-out."""

import socket
import threading
import time
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse

from outbound.breaker import Breakers
from outbound.guard import AllowList, Refused, address_allowed
from outbound.retry_after import TROUBLE, read_retry_after

POOL_SIZE = 16
# Path and query of the call that a thread makes.
_path: ContextVar[str] = ContextVar("path", default="")
HEAD_GRACE = 1.0


class Unreachable(requests.RequestException):
    """No answer came. `word` says why: "time-out", "tls", "connection", "answer" (unreadable) or "held".

    Held: the host takes no calls at the moment, and may be called again in `retry_after` seconds. `sent` is False if
    the request certainly did not leave. Neither text nor context contains the URI.
    """

    def __init__(self, word: str, host: str, sent: bool, retry_after: float | None = None) -> None:
        super().__init__(f"{host}: no answer ({word})")
        self.word = word
        self.host = host
        self.sent = sent
        self.retry_after = retry_after


class _GuardedConnection(HTTPConnection):
    """A connection that resolves names once, and dials only addresses that the guard allows."""

    allow: AllowList
    scheme = "http"

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Write the path of the call as it came; requests and urllib3 would rewrite it."""
        path = _path.get() or url
        super().putrequest(method, path, skip_host=skip_host, skip_accept_encoding=skip_accept_encoding)

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        target = self.allow.check_host(self.scheme, name, self.port)
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if address_allowed(address, target)]
        if addresses and not allowed:
            raise Refused("private_address", target.host)
        failure: Exception = NewConnectionError(self, "the name has no address")
        for address in allowed:
            # Dial the address that was checked: a second look-up could return another one.
            self._dns_host = address
            try:
                return super()._new_conn()
            except NewConnectionError as error:
                failure = error
            finally:
                self._dns_host = name
        raise failure

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Return the response as urllib3 does, but apply the time-out to the whole head, not to each read."""
        wire = self.sock
        if not isinstance(self.timeout, int | float) or wire is None:
            return super().getresponse()
        given_up = threading.Event()
        # A little later than the time-out, so that plain silence ends in urllib3's own way.
        ends = threading.Timer(self.timeout + HEAD_GRACE, _give_up, (wire, given_up))
        ends.daemon = True
        ends.start()
        try:
            response = super().getresponse()
        finally:
            ends.cancel()
        if given_up.is_set():
            # http.client takes the end of the connection for the end of the head.
            response.close()
            raise TimeoutError("the head took too long")
        return response


def _give_up(wire: socket.socket, given_up: threading.Event) -> None:
    """Shut the socket down, so that its reader sees the connection end."""
    given_up.set()
    try:
        # The plain socket's shutdown, under TLS too: the TLS one would drop its state while another thread reads.
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
    except OSError:
        return  # already closed


class _GuardedTLSConnection(_GuardedConnection, HTTPSConnection):
    """A guarded connection over TLS."""

    scheme = "https"


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLSConnection


class _GuardedManager(PoolManager):
    """Makes pools whose connections apply the allow-list."""

    def __init__(self, allow: AllowList, **options: Any) -> None:
        super().__init__(**options)
        http = type("HTTPConnection", (_GuardedConnection,), {"allow": allow})
        https = type("HTTPSConnection", (_GuardedTLSConnection,), {"allow": allow})
        self.pool_classes_by_scheme = {
            "http": type("HTTPPool", (_GuardedPool,), {"ConnectionCls": http}),
            "https": type("HTTPSPool", (_GuardedTLSPool,), {"ConnectionCls": https}),
        }


class GuardedAdapter(HTTPAdapter):
    """The adapter of requests, always behind the guard."""

    def __init__(self, allow: AllowList) -> None:
        self._allow = allow
        super().__init__(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make guarded pools; requests calls this."""
        self.poolmanager = _GuardedManager(self._allow, num_pools=connections, maxsize=maxsize, block=block, **options)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """Refuse proxies: a proxy would dial for us, outside the guard."""
        raise Refused("scheme", "proxy")


class GuardedSession(requests.Session):
    """A requests session for the hosts of an allow-list: no redirects, proxies, environment or cookies.

    `timeout` is the default (connect, between two reads) in seconds. Raises Refused before or while connecting, and
    Unreachable for every error that requests would raise. With `breakers`, a blocked host is not called, and the
    outcome of each call is recorded. For one thread at a time.
    """

    def __init__(
        self, allow: AllowList, timeout: tuple[float, float] = (5.0, 20.0), breakers: Breakers | None = None
    ) -> None:
        super().__init__()
        self._breakers = breakers
        self._allow = allow
        self._timeout = timeout
        self.trust_env = False
        self.headers["User-Agent"] = "send-gate"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = GuardedAdapter(allow)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    @property
    def allow(self) -> AllowList:
        """Return the permitted hosts, for connections over other protocols."""
        return self._allow

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """Send a request as requests does, but without its `params`; a 3xx is an answer."""
        target = self._allow.check_uri(url.decode("latin-1") if isinstance(url, bytes) else url)
        breaker = self._breakers.of(target.host, target.port) if self._breakers else None
        if breaker and (wait := breaker.admit()):
            raise Unreachable("held", target.host, sent=False, retry_after=wait)
        began = time.monotonic()
        failure = None
        as_it_came = _path.set(target.path)
        try:
            response = super().request(method, target.base, *args, **options)
        except requests.RequestException as error:
            failure = _unreachable(error, target.host)
        finally:
            _path.reset(as_it_came)
        if failure is not None:
            if breaker:
                breaker.failed(time.monotonic() - began)
            # Raised outside the except block, so that requests' own error, which quotes the URI, is not its context.
            raise failure
        if breaker and (response.status_code in TROUBLE or response.status_code >= 500):
            asked = read_retry_after(response.headers.get("Retry-After", ""))
            breaker.failed(time.monotonic() - began, asked)
        elif breaker:
            breaker.succeeded()
        return response

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send as requests does, but never follow a redirect."""
        options["allow_redirects"] = False
        if options.get("timeout") is None:
            options["timeout"] = self._timeout
        return super().send(request, **options)


def _unreachable(error: requests.RequestException, host: str) -> Unreachable:
    if isinstance(error, Unreachable):
        return error
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Unreachable("time-out", host, sent=False)
    if isinstance(error, requests.Timeout):
        return Unreachable("time-out", host, sent=True)
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable("tls", host, sent=False)
    if isinstance(error, requests.ConnectionError):
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        return Unreachable("connection", host, sent=not isinstance(reason, NewConnectionError))
    return Unreachable("answer", host, sent=True)
