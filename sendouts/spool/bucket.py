"""Kept files in S3-compatible storage, for a gateway on several hosts. Free of Django.

A file is a row of objects, its segments: PREFIX/TOKEN/FRAMES-BYTES, each named by how many frames and bytes of the file
are before it. So a reader finds the next segment without a list, and only what continues the file can be read.
"""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

from sendouts.spool.disk import BLOCK
from sendouts.spool.frames import HEAD, MAX_FRAME, Damaged

# Bytes of a segment: what a kill loses, and what a reader and a writer hold in memory.
SEGMENT = 1 << 22
# Seconds after which what came slowly is stored, so that it can be screened; and between two looks for it.
HELD = 1.0
LOOK = 0.2
# Seconds after which the files are listed again: while there is room, and while there is none.
COUNTED, COUNTED_FULL = 60.0, 5.0
# Seconds for which the storage is not called after a call that failed.
AWAY = 3.0
CONNECT_SECONDS, READ_SECONDS = 2.0, 5.0
_AT_ONCE = 8
_KEY = re.compile(r"([0-9a-f]{32})/[0-9a-f]{8}-[0-9a-f]{12}")
_MISSING = frozenset({"NoSuchKey", "404"})


class StorageAway(OSError):
    """The storage does not answer, or refuses. `code` is that of its answer, or the name of the error."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the storage does not serve ({code})")
        self.code = code


class SegmentWriter:
    """Collects frames, and stores them in segments. A segment that failed is not stored by a later call."""

    def __init__(self, store: "BucketStore", token: str, size: int, frames: int) -> None:
        self._store = store
        self._token = token
        self._size, self._frames = size, frames
        self._held: list[bytes] = []
        self._held_size = 0
        self._stored = time.monotonic()
        self._failed = False

    def append(self, frame: bytes) -> None:
        """Raises StorageAway."""
        self._held.append(frame)
        self._held_size += len(frame)
        if self._held_size >= self._store.segment or time.monotonic() - self._stored >= HELD:
            self._flush()

    def _flush(self) -> None:
        if not self._held or self._failed:
            return
        self._failed = True
        self._store.put(segment_name(self._token, self._size, self._frames), b"".join(self._held))
        self._failed = False
        self._size += self._held_size
        self._frames += len(self._held)
        self._held, self._held_size, self._stored = [], 0, time.monotonic()

    def close(self) -> None:
        """Store what is left. Raises StorageAway, unless an earlier call has."""
        self._flush()


class SegmentReader:
    """Reads the frames of one file in order."""

    def __init__(self, store: "BucketStore", token: str) -> None:
        self._store = store
        self._token = token
        # Bytes of the frames read so far.
        self.size = 0
        self._frames = 0
        self._segment = b""
        self._at = 0
        self._look_again = 0.0

    def next_frame(self) -> bytes | None:
        """Return the next frame, or None if its segment is not there yet; raise Damaged, StorageAway."""
        if self._at == len(self._segment) and not self._fetch():
            return None
        if self._at + HEAD.size > len(self._segment):
            raise Damaged
        end = self._at + HEAD.size + HEAD.unpack_from(self._segment, self._at)[0]
        if end > len(self._segment) or end - self._at > HEAD.size + MAX_FRAME:
            raise Damaged
        frame = self._segment[self._at : end]
        self.size += len(frame)
        self._frames += 1
        self._at = end
        return frame

    def _fetch(self) -> bool:
        if time.monotonic() < self._look_again:
            return False
        self._segment, self._at = b"", 0
        found = self._store.get(segment_name(self._token, self.size, self._frames))
        if found is None:
            self._look_again = time.monotonic() + LOOK
            return False
        self._segment = found
        return True

    def close(self) -> None:
        self._segment, self._at = b"", 0


class BucketStore:
    """A prefix of a bucket that belongs to one gateway alone. Thread-safe.

    `url`: s3://bucket/prefix. `endpoint`: an address instead of AWS's own; credentials and region come by AWS's chain.
    `limit`: the most bytes that all files may have together. They are listed now and then, so that files of other
    hosts may exceed it for a minute.
    """

    block = BLOCK
    segment = SEGMENT
    # Segments are written once: what follows a damaged one cannot be written again.
    cuts = False

    def __init__(self, url: str, endpoint: str, limit: int) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/".removeprefix("/")
        self._endpoint = endpoint
        self._limit = limit
        self._lock = threading.Lock()
        self._used = 0
        self._count_again = self._away_until = 0.0
        self._away = ""

    def has_room(self) -> bool:
        """Return whether another segment may be written. Raises StorageAway."""
        if not self._limit:
            return False
        if time.monotonic() >= self._count_again:
            self._used = sum(size for _, size, _ in self.files())
            self._count_again = time.monotonic() + (COUNTED if self._is_room() else COUNTED_FULL)
        return self._is_room()

    def _is_room(self) -> bool:
        return self._used + self.segment <= self._limit

    def write(self, token: str, size: int = 0, frames: int = 0) -> SegmentWriter:
        """Return a writer behind the first `size` bytes, which are so many frames."""
        return SegmentWriter(self, token, size, frames)

    def read(self, token: str) -> SegmentReader:
        """Return a reader from the start. A file that is not there is one without a segment."""
        return SegmentReader(self, token)

    def remove(self, token: str) -> None:
        """Remove all files whose token begins so, their first segments first. Raises StorageAway."""
        found = list(self._list(token))
        # Without its first segment a file is gone.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for first in (True, False):
                keys = (key for key, _, _ in found if key.endswith(segment_name("", 0, 0)) is first)
                list(pool.map(self._delete, keys))
        self._add(-sum(size for _, size, _ in found))

    def files(self) -> Iterator[tuple[str, int, float]]:
        """Yield token, size and age in seconds of each file, by the storage's clock. Raises StorageAway."""
        for token, segments in groupby(self._list(""), lambda each: each[0].partition("/")[0]):
            sizes, ages = zip(*((size, age) for _, size, age in segments), strict=True)
            yield token, sum(sizes), min(ages)

    def put(self, key: str, body: bytes) -> None:
        """Store one segment. Raises StorageAway."""
        self._call("put_object", Key=self._prefix + key, Body=body)
        self._add(len(body))

    def get(self, key: str) -> bytes | None:
        """Return a segment, or None if there is none. Raises StorageAway."""
        found = self._call("get_object", Key=self._prefix + key)
        return None if found is None else found["Body"]

    def _add(self, size: int) -> None:
        with self._lock:
            self._used += size

    def _delete(self, key: str) -> None:
        self._call("delete_object", Key=self._prefix + key)

    def _list(self, start: str) -> Iterator[tuple[str, int, float]]:
        """Yield key without prefix, size and age in seconds of each segment; other objects are not ours."""
        more: dict[str, str] = {}
        while True:
            found = self._call("list_objects_v2", Prefix=self._prefix + start, **more)
            for each in found.get("Contents", ()):
                key = each["Key"].removeprefix(self._prefix)
                if _KEY.fullmatch(key):
                    yield key, each["Size"], found["Now"] - each["LastModified"].timestamp()
            if not found.get("IsTruncated"):
                return
            more = {"ContinuationToken": found["NextContinuationToken"]}

    def _call(self, name: str, **given: Any) -> Any:
        """Call the storage; return None for an object that is not there."""
        if time.monotonic() < self._away_until:
            raise StorageAway(self._away)
        code = ""
        try:
            return _whole(getattr(_client(self._endpoint), name)(Bucket=self._bucket, **given))
        except _errors() as error:
            answer = getattr(error, "response", None)
            code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
            code = code or type(error).__name__
        if code in _MISSING:
            return None
        self._away, self._away_until = code, time.monotonic() + AWAY
        # Raised outside the except block: the client's error quotes bucket and key.
        raise StorageAway(code)


@cache
def _client(endpoint: str) -> Any:
    # Imported here: 40 MB and a quarter of a second that only gateways with such a storage spend.
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=16,
        # Compatible storages need not know buckets as host names, nor AWS's newer checksums.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = session.region_name or "us-east-1"
    return session.client("s3", region_name=region, endpoint_url=endpoint or None, config=config)


def segment_name(token: str, size: int, frames: int) -> str:
    """Return the name of the segment behind so many bytes and frames; names sort as the file goes."""
    return f"{token}/{frames:08x}-{size:012x}"


def _whole(answer: dict[str, Any]) -> dict[str, Any]:
    """Read the body of an answer, and its time as the storage tells it."""
    if "Body" in answer:
        answer["Body"] = answer["Body"].read()
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    answer["Now"] = parsedate_to_datetime(date).timestamp() if date else time.time()
    return answer


def _errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    return BotoCoreError, ClientError, HTTPError, OSError
