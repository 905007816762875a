"""S3-compatible storage in this process, as far as the spool uses it, with faults that the test writes."""

from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.outbound.site import Request, Site, reply, reset

BUCKET = "spool"
# What AWS's chain of credentials finds.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret-of-the-storage"}


class Storage:
    """`wire` says what happens to a call: "" nothing, "404" or another status, "reset". `page`: objects in one list."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.wire: Callable[[Request], str] = lambda request: ""
        self.page = 1_000
        self.site = Site(self._answer)

    @property
    def url(self) -> str:
        return self.site.uri("")

    def configure(self, settings: Any, prefix: str) -> None:
        """Have a gateway keep contact files here."""
        settings.SPOOL_URL, settings.AWS_ENDPOINT_URL_S3 = f"s3://{BUCKET}/{prefix}", self.url

    def calls(self, method: str = "") -> list[str]:
        return [each.path for each in self.site.requests if each.method.startswith(method)]

    def lists(self) -> int:
        return sum("list-type=2" in path for path in self.calls("GET"))

    def away(self, status: str = "503") -> None:
        self.wire = lambda request: status

    def back(self) -> None:
        """Answer rightly, and forget the calls."""
        self.wire = lambda request: ""
        self.site.requests.clear()

    def close(self) -> None:
        self.site.close()

    def _answer(self, request: Request) -> bytes:
        fault = self.wire(request)
        if fault == "reset":
            return reset(request)
        if fault:
            return reply(int(fault), b"<Error><Code>SlowDown</Code></Error>")
        parts = urlsplit(request.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            return reply(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if "AWS4-HMAC-SHA256 Credential=test/" not in request.headers.get("Authorization", ""):
            return reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        if request.method == "PUT":
            self.objects[key] = request.body
            return reply(ETag='"1"')
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return reply(204)
        if key:
            found = self.objects.get(key)
            return reply(404, b"<Error><Code>NoSuchKey</Code></Error>") if found is None else reply(200, found)
        return self._list(parse_qs(parts.query))

    def _list(self, query: dict[str, list[str]]) -> bytes:
        start = query.get("prefix", [""])[0]
        after = query.get("continuation-token", [""])[0]
        keys = [key for key in sorted(self.objects) if key.startswith(start) and key > after]
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys[: self.page]
        )
        more = f"<NextContinuationToken>{keys[self.page - 1]}</NextContinuationToken>" if len(keys) > self.page else ""
        whole = f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}{found}"
        date = {"Date": formatdate(1_767_225_600 + 60, usegmt=True)}
        return reply(200, f"<ListBucketResult>{whole}</ListBucketResult>".encode(), **date)
