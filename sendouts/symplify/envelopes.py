"""Take off what is around a hook: compression, charset, and the messages of brokers and event buses."""

import base64
import binascii
import codecs
import json
import re
import zlib
from typing import Any
from urllib.parse import parse_qsl

from actions.contract import Sentences, gettext_noop
from actions.sentences import write
from sendouts.symplify import plain
from sendouts.symplify.plain import is_utf8
from sendouts.symplify.rows import named

GZIP = b"\x1f\x8b"
# Approximate maximum number of values in one body, counted as commas, and above any accepted hook. Five megabytes of
# commas would become hundreds of megabytes of objects.
MAX_VALUES = 250_000
# Maximum number of compressions around a body, and of members in one gzip stream: each costs a copy of the rest.
_MAX_LAYERS, _MAX_MEMBERS = 3, 100
_WBITS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
# What nothing here unpacks. Every other name is no encoding, such as “utf-8”, and is ignored.
_FOREIGN = frozenset({"br", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "zstd"})
NOTED_ENCODINGS = "; content-encoding="
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
# Codecs of Python that are no charset of a text on the wire.
_NO_CHARSETS = re.compile(r"escape|punycode|idna|undefined|utf-8-sig")


class BodyProblem(Sentences):
    """Reasons why a body cannot be read; they quote nothing of the body."""

    EMPTY = "body.empty", gettext_noop("The body is empty.")
    NOT_TEXT = "body.not_text", gettext_noop("The body is not text in UTF-8: byte %(byte)s is the first bad one.")
    NOT_JSON = "body.not_json", gettext_noop("The body is not JSON: line %(line)s, column %(column)s.")
    FOREIGN_ENCODING = (
        "body.foreign_encoding",
        gettext_noop("The body is compressed as %(names)s. Ask for gzip or no compression in the platform."),
    )
    NOT_AN_OBJECT = "body.not_an_object", gettext_noop("The body is JSON, but it is not an object.")
    TOO_DEEP = "body.too_deep", gettext_noop("The body is JSON nested more than %(levels)s levels deep.")
    TOO_MANY_VALUES = "body.too_many_values", gettext_noop("The body holds more than %(number)s values.")
    NO_FINISH_URI = (
        "body.no_finish_uri",
        gettext_noop(
            "The hook has no address in finishUri, so nothing can be released. Check the sendout in the platform."
        ),
    )
    NOT_UNDERSTOOD = (
        "body.not_understood",
        gettext_noop(
            "It names finishUri or itemDownloadUri, but no hook can be read in it. Check the sendout in the platform."
        ),
    )
    SEVERAL_HOOKS = (
        "body.several_hooks",
        gettext_noop(
            "It holds %(number)s hooks, and the gateway reads one per message. Check the sendouts in the platform."
        ),
    )
    MOSTLY_UNREAD = (
        "body.mostly_unread",
        gettext_noop("Most of the items of the hook are no contacts: %(number)s cannot be read. Nothing was stored."),
    )
    OLD_GATE = (
        "body.old_gate",
        gettext_noop(
            "This is a hook of the older Send Gate, which the gateway does not answer. Switch the sendout to Send Gate "
            "Plus in the platform, or release it there."
        ),
    )
    S3_POINTER = (
        "body.s3_pointer",
        gettext_noop(
            "The hook itself is in S3. The gateway fetches it only from a queue, and from buckets in SQS_BUCKETS. "
            "Until then the message stays in the queue."
        ),
    )


class Unreadable(ValueError):
    """The body holds no hook that can be read, and may have been one; `text` is the reason as it is stored."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return write(self.text)


class NotUnderstood(Unreadable):
    """The body is JSON and may hold a hook, which cannot be read. Only parse() tells, since it looks inside."""


class TooLarge(ValueError):
    """The body is longer than allowed once it is unpacked."""


def unpack(body: bytes, encodings: str, content_type: str, most: int) -> bytes:
    """Return the body without compression and in UTF-8, or as it came if that is not possible. Raises TooLarge.

    encodings: the header Content-Encoding. gzip is recognised by its first bytes too; a name that is no compression is
    ignored. Never inflates more than `most` bytes.
    """
    names = [name.strip() for name in encodings.lower().split(",")]
    for name in names[: -_MAX_LAYERS - 1 : -1]:
        body = inflate(body, name, most) or body
    for _ in range(_MAX_LAYERS):
        if not body.startswith(GZIP):
            break
        body = inflate(body, "gzip", most) or body
    body = _to_utf8(body, content_type)
    if len(body) > most:
        raise TooLarge
    return body


def foreign_encodings(encodings: str) -> list[str]:
    """Return the names in a header Content-Encoding that nothing here unpacks."""
    return sorted({name.strip() for name in encodings.lower().split(",")} & _FOREIGN)


def why_unreadable(problem: Unreadable, content_type: str) -> str:
    """Return the reason as it is stored; content_type: with the encodings that the door has noted there."""
    foreign = foreign_encodings(content_type.rpartition(NOTED_ENCODINGS)[2])
    return BodyProblem.FOREIGN_ENCODING(names=", ".join(foreign)) if foreign else problem.text


def inflate(body: bytes, encoding: str, most: int) -> bytes | None:
    """Return the plain bytes; None if the body is not whole or not compressed in this way. Raises TooLarge."""
    for wbits in _WBITS.get(encoding, ()):
        if (plain := _inflate(body, wbits, most)) is not None:
            return plain
    return None


def _inflate(body: bytes, wbits: int, most: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    for _ in range(_MAX_MEMBERS):
        inflater = zlib.decompressobj(wbits)
        try:
            part = inflater.decompress(body, most - size + 1)
        except zlib.error:
            return None
        parts.append(part)
        size += len(part)
        if size > most:
            raise TooLarge
        if not inflater.eof:
            return None
        body = inflater.unused_data.lstrip(b"\0")
        if not body:
            return b"".join(parts)
    return None


def _to_utf8(body: bytes, content_type: str) -> bytes:
    """Return a text in its declared charset as UTF-8, unless it is UTF-8 already: JSON has no other charset."""
    found = _CHARSET.search(content_type)
    if found is None:
        return body
    try:
        if _NO_CHARSETS.search(codecs.lookup(found[1]).name) or (not body.isascii() and is_utf8(body)):
            return body
        return body.decode(found[1]).encode()
    except (LookupError, ValueError):
        return body


# Words of a hook that nothing else has. What names one of them is never taken for another event.
NAMES = re.compile(r"finish[_-]?ur[il]|item[_-]?download[_-]?ur[il]", re.IGNORECASE)
# Keys, in lower case, under which brokers, event buses and functions hand on what somebody sent: SNS, EventBridge,
# CloudEvents, Pub/Sub, Event Grid, API gateways, batches of records.
_ENVELOPES = frozenset(
    (
        *("body", "content", "data", "data_base64", "detail", "event", "hook", "kinesis", "message", "payload"),
        *("record", "records", "request", "requestpayload", "sns", "value", "webhook"),
    )
)
# Maximum number of nested objects, lists and texts in which a hook is searched for, and of bytes of all these texts.
_MAX_DEPTH, _MAX_BYTES = 24, 1 << 24
_JSON_STARTS = tuple('{["')
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]{20,}={0,2}\s*")
_FORM = re.compile(r"[\w.\[\]-]{1,100}=")
_S3_POINTERS = frozenset(
    {"software.amazon.payloadoffloading.payloads3pointer", "com.amazon.sqs.javamessaging.messages3pointer"}
)


def read_json(body: bytes) -> tuple[Any, list[str]]:
    """Return the JSON value of a body, and the problems of its text; raise Unreadable."""
    check_size(body)
    try:
        return plain.decode_object(body), []
    except plain.NOT_FAST:
        pass
    problems: list[str] = []
    try:
        text = body.decode(json.detect_encoding(body)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        # Most texts that are not in UTF-8 are in this charset. A hook in it waits for a person, all else is unreadable.
        text, problems = body.decode("cp1252", "replace"), ["charset_guessed"]
    if not text.strip():
        raise Unreadable(BodyProblem.EMPTY())
    try:
        return plain.careful(text), problems
    except plain.NotJson as error:
        # Text that Search reads as JSON, or a form.
        inner = from_form(text) or text.strip()
        if not problems and Search(inner).found:
            return inner, problems
        sentence = BodyProblem.NOT_JSON(line=error.line, column=error.column)
        raise (not_text(body) if problems else Unreadable(sentence)) from None
    except plain.TooDeep:
        raise Unreadable(BodyProblem.TOO_DEEP(levels=plain.MAX_DEPTH)) from None


def check_size(body: bytes) -> None:
    """Raise Unreadable for a body of more values than any hook has."""
    if body.count(b",") > MAX_VALUES:
        raise Unreadable(BodyProblem.TOO_MANY_VALUES(number=MAX_VALUES))


def not_text(body: bytes) -> Unreadable:
    """Return the error that names the first byte that is not UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return Unreadable(BodyProblem.NOT_TEXT(byte=error.start + 1))
    return Unreadable(BodyProblem.NOT_AN_OBJECT())


class Search:
    """Search for hooks in a JSON value: in its objects and lists, in text that is JSON, and in base64 of such text.

    found: (hook, whether only known envelopes are around it). named: it names a hook, at any depth. pointer: the bucket
    and the key in S3 that hold the message instead. old_gate: it is a hook of the older Send Gate.
    """

    def __init__(self, value: Any) -> None:
        self.found: list[tuple[dict[str, Any], bool]] = []
        self.named = self.old_gate = self.without_uri = False
        self.pointer: tuple[str, str] | None = None
        self._left = _MAX_BYTES
        self._look(value, 0, known=True)

    def _look(self, value: Any, depth: int, *, known: bool) -> None:
        if depth > _MAX_DEPTH:
            self.named |= NAMES.search(json.dumps(value, default=str)) is not None
        elif isinstance(value, dict):
            self._look_in_object(value, depth, known=known)
        elif isinstance(value, list):
            self.pointer = self.pointer or _pointer(value)
            for inner in value:
                self._look(inner, depth + 1, known=known)
        elif isinstance(value, str):
            self.named |= NAMES.search(value) is not None
            if (text := self._text(value)) is not None:
                self.named |= NAMES.search(text) is not None
                self._look(_json(text), depth + 1, known=known)

    def _look_in_object(self, value: dict[str, Any], depth: int, *, known: bool) -> None:
        keys = list(value)
        if (key := named(keys, ("finishUri",))) is not None:
            self.named = True
            if isinstance(value[key], str) and value[key].strip():
                if known or named(keys, ("itemDownloadUri", "items")) is not None:
                    self.found.append((value, known))
                return
            self.without_uri = True
        gate = [name for name in ("confirmUrl", "downloadUrl", "sendoutName") if named(keys, (name,)) is not None]
        self.old_gate |= known and key is None and len(gate) > 1
        for name, inner in value.items():
            self.named |= NAMES.search(name) is not None
            self._look(inner, depth + 1, known=known and name.strip().lower() in _ENVELOPES)

    def _text(self, value: str) -> str | None:
        """Return the JSON text in a text, plain or in base64; None if there is none, or too much to read."""
        try:
            text = value if value.lstrip().startswith(_JSON_STARTS) else from_base64(value, self._left)
        except TooLarge:
            text, self._left = None, 0
        if text is not None:
            self._left -= len(text)
        if self._left <= 0 or (text is not None and text.count(",") > MAX_VALUES):
            # Nobody knows what the rest names.
            self.named, text = True, None
        return text


def from_base64(value: str, most: int) -> str | None:
    """Return the JSON text that is in a base64 text, packed with gzip or not, or None. Raises TooLarge."""
    # Decode the first bytes alone: most texts that look like base64 are words.
    starts = _decode_base64(value[:4]).startswith((b"{", b"[", b'"', b"\xef\xbb\xbf", GZIP))
    if not starts or not _BASE64.fullmatch(value):
        return None
    raw = _decode_base64(value)
    if raw.startswith(GZIP):
        raw = inflate(raw, "gzip", most) or b""
    return raw.decode("utf-8-sig") if is_utf8(raw) else None


def from_form(text: str) -> dict[str, str] | None:
    """Return the fields of a form that was sent instead of JSON; None if the text is none."""
    if not _FORM.match(text):
        return None
    try:
        return dict(parse_qsl(text, max_num_fields=100, errors="strict"))
    except ValueError:
        return None


def find_pointer(text: str) -> tuple[str, str] | None:
    """Return bucket and key of the object in S3 to which a message points, also inside an envelope."""
    return Search(text).pointer if "s3BucketName" in text else None


def _decode_base64(value: str) -> bytes:
    text = "".join(value.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _json(text: str) -> Any:
    try:
        return plain.careful(text)
    except ValueError:
        return None


def _pointer(value: list[Any]) -> tuple[str, str] | None:
    match value:
        case [str(kind), {"s3BucketName": str(bucket), "s3Key": str(key)}] if kind.lower() in _S3_POINTERS:
            return bucket, key
    return None
