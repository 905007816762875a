"""What the body of an answer says, whatever its status: some systems say no under 200.

If a body is empty, or says nothing of a failure, the status decides.
"""

import json
import re
import zlib
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

# Bytes of a body that are kept. A longer JSON document cannot be read to its end, so it confirms nothing.
MAX_BODY: Final = 64 * 1024
# Levels of a JSON document that are looked at: an envelope or two around what matters.
_DEEP: Final = 6
# Bytes of a body whose judgement is kept for the next one like it.
_SHORT: Final = 128
_BLANK = b" \t\r\n\0"
_PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

_HTML = re.compile(
    r"<\s*(?:!doctype\s+html|html|head|body|title|meta|script|style|link|h[1-6]|p|div|span|form|center|table|iframe|br)\b",
    re.IGNORECASE,
)
_BAD_WORDS = (
    "error|errors|fail|fails|failed|failure|exception|fault|nok|ko|not ok|not_ok|not found|not_found|notfound|denied|"
    "forbidden|unauthorized|unauthenticated|invalid|unsuccessful|timeout|timed_out|unavailable|unknown|bad request|"
    "bad_request|conflict"
)
_BAD_WORD = re.compile(f"(?:{_BAD_WORDS})", re.IGNORECASE)
_XML = re.compile(
    r"<(?:[\w.-]+:)?(?:errors?|fault|exception)\b"
    r"|<(?:[\w.-]+:)?(?:success|ok|succeeded)\s*>\s*(?:false|no|0)\b"
    rf"|<(?:[\w.-]+:)?(?:status|state|result|outcome)\s*>\s*(?:{_BAD_WORDS})\b",
    re.IGNORECASE,
)
# A sentence or a form that begins with the failure: “ERROR: already sent”, “Failed to cancel”, “status=error”.
_TEXT = re.compile(
    rf"\W*(?:(?:{_BAD_WORDS}|false|no)\b|(?:status|state|result|outcome)\W{{1,3}}(?:{_BAD_WORDS})\b"
    r"|(?:success|ok)\W{1,3}(?:false|no|0)\b)",
    re.IGNORECASE,
)
# Names compare without case, “_” and “-”.
_TROUBLE = frozenset({"error", "errors", "err", "exception", "fault", "failure", "failures"})
_TROUBLE |= {"errorcode", "errormessage", "errordescription"}
_GOOD = frozenset({"ok", "success", "successful", "succeeded", "issuccess", "confirmed", "done"})
_GOOD |= {"cancelled", "canceled"}
_STATE = frozenset({"status", "state", "result", "outcome", "code", "statuscode", "httpstatus", "type", "level"})
_NOTHING = frozenset({"", "0", "none", "null", "false", "no", "ok", "success", "n/a"})
_NO = frozenset({"false", "no", "0", "nok", "ko"})


class BodyFault(StrEnum):
    """Why a body contradicts its status. CUT: its end is missing, so nobody knows what it says."""

    NONE = ""
    HTML = "html"
    ERROR = "error"
    CUT = "cut"


def find_fault(body: bytes, *, cut: bool = False) -> BodyFault:
    """Return why this body contradicts a status that says yes.

    cut: the connection broke before its end. A page of HTML comes from something in between. JSON, XML or text says no
    in the usual forms: `{"error": …}`, `{"success": false}`, `{"ok": false}`, `{"status": "error"}`, also inside an
    envelope or a list. What begins like a JSON object and is none says no, too.
    """
    fault = _judge_short(body) if len(body) <= _SHORT else _judge(body)
    return BodyFault.CUT if cut and not fault else fault


# A platform answers nearly every call of a batch alike.
@lru_cache(maxsize=256)
def _judge_short(body: bytes) -> BodyFault:
    return _judge(body)


def _judge(body: bytes) -> BodyFault:
    # Most bodies are plain JSON, and need no closer look at their bytes.
    text = body.decode() if body[:1] == b"{" and body.isascii() and b"\0" not in body else _read(body)
    if not text:
        return BodyFault.NONE
    if text[0] in '{["' or text in ("false", "null", "true"):
        return _judge_json(text)
    if text[0] == "<":
        if _HTML.search(text):
            return BodyFault.HTML
        return BodyFault.ERROR if _XML.search(text) else BodyFault.NONE
    if _TEXT.match(text):
        return BodyFault.ERROR
    return BodyFault.HTML if _HTML.search(text) else BodyFault.NONE


def _read(body: bytes) -> str:
    """Return the body as text, without what only surrounds it."""
    if body.startswith(_PACKED):
        try:
            body = zlib.decompressobj(47).decompress(body, MAX_BODY)
        except zlib.error:
            return ""
    for mark, charset in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace").strip()
    # Text in UTF-16 without a mark is read as well as these rules need it.
    return body.replace(b"\0", b"").strip(_BLANK).decode("utf-8", "replace").strip()


def _judge_json(text: str) -> BodyFault:
    """Judge one document, or several one after the other."""
    place = 0
    while place < len(text):
        try:
            content, place = _DECODER.raw_decode(text, place)
        except RecursionError:
            return BodyFault.ERROR
        except ValueError:
            # Text such as “[cancelled]” is none: only braces promise an object.
            return BodyFault.ERROR if text[0] == "{" or _TEXT.match(text) else BodyFault.NONE
        if _says_no(content, 0):
            return BodyFault.ERROR
        while place < len(text) and text[place].isspace():
            place += 1
    return BodyFault.NONE


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object: of a name that comes twice, both count."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs)


def _says_no(value: Any, depth: int) -> bool:
    if depth == 0 and (value is False or (isinstance(value, str) and _TEXT.match(value))):
        return True
    if depth > _DEEP:
        return False
    if isinstance(value, _Pairs):
        return any(_is_bad_pair(name, inside) or _says_no(inside, depth + 1) for name, inside in value)
    return isinstance(value, list) and any(_says_no(inside, depth + 1) for inside in value)


# Documents of one platform have the same few names.
@lru_cache(maxsize=512)
def _plain(name: str) -> str:
    return name[:40].casefold().replace("_", "").replace("-", "")


def _is_bad_pair(name: str, value: Any) -> bool:
    name = _plain(name)
    if name in _TROUBLE:
        if isinstance(value, str):
            return value.strip().casefold() not in _NOTHING
        return bool(value)
    if name in _GOOD:
        return value is False or value == 0 or (isinstance(value, str) and value.strip().casefold() in _NO)
    if name in _STATE:
        if isinstance(value, str):
            word = value.strip()
            return bool(_BAD_WORD.fullmatch(word)) or (word.isascii() and word.isdigit() and 400 <= int(word) < 600)
        return value is False or (isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600)
    return False
