"""Contact file as JSON: an array of objects, or one object that holds the array under any key."""

import re
from collections.abc import Iterator
from typing import Any

from sendouts.symplify import plain, rows
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Window

SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^ \t\r\n,\]\[{}\":]+")
# Match a whole string, the opening quote of a string that does not end here, or a bracket. Possessive, because strings
# may be long.
STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_OPENER = re.compile(rb'\{[ \t\r\n]*"[^"\\]*"')
_BORDER = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_BORDERS_TRIED = 4


class BrokenJson(Exception):
    """The rest of the file cannot be read; the argument is the reason code."""


class Scanner:
    """Scanner that finds where JSON values end, without decoding them; reads more of the file as needed."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def peek(self) -> bytes:
        """Return the next byte that is not white space, without taking it; b"" at the end of the file."""
        window = self.window
        while True:
            found = SPACE.match(window.data, window.at)
            window.at = found.end() if found else window.at
            if window.at < len(window.data):
                return window.data[window.at : window.at + 1]
            if not window.more():
                return b""

    def peek_inside(self) -> bytes:
        """Return the first byte inside the array that begins here, without taking anything."""
        window = self.window
        while True:
            found = SPACE.match(window.data, window.at + 1)
            at = found.end() if found else window.at + 1
            if at - window.at > rows.MAX_ROW:
                raise BrokenJson("too_big")
            if at < len(window.data):
                return window.data[at : at + 1]
            if not window.more():
                raise BrokenJson("cut")

    def take(self) -> bytes:
        """Take and return the next byte that is not white space; raise BrokenJson at the end of the file."""
        byte = self.peek()
        if not byte:
            raise BrokenJson("cut")
        self.window.at += 1
        return byte

    def value(self) -> bytes:
        """Take and return the bytes of the value that begins here, unvalidated; raise BrokenJson if it does not end."""
        if not self.peek():
            raise BrokenJson("cut")
        window = self.window
        while True:
            end = _end_of_value(window.data, window.at, ended=window.ended)
            if end is None:
                raise BrokenJson("bad_json")
            if end and end - window.at <= rows.MAX_ROW:
                value = window.data[window.at : end]
                window.at = end
                return value
            if end or len(window.data) - window.at > rows.MAX_ROW:
                raise BrokenJson(_classify_endless(window.data[window.at : window.at + rows.MAX_ROW], "too_big"))
            if not window.more() and not _SCALAR.match(window.data, window.at):
                raise BrokenJson(_classify_endless(window.data[window.at :], "cut"))


def _end_of_value(data: bytes, at: int, *, ended: bool) -> int | None:
    """Return the end of the value at `at`: 0 if it is not in these bytes, None if no value begins there."""
    first = data[at : at + 1]
    if first not in (b"{", b"[", b'"'):
        scalar = _SCALAR.match(data, at)
        if not scalar:
            return None
        return scalar.end() if ended or scalar.end() < len(data) else 0
    depth = 0
    for token in STRING_OR_BRACKET.finditer(data, at):
        start = token.start()
        byte = data[start]
        if byte == 0x22:  # "
            if token.end() - start == 1:
                return 0
        elif byte in b"[{":
            depth += 1
        else:
            depth -= 1
        if depth == 0:
            return token.end()
    return 0


def _classify_endless(raw: bytes, code: str) -> str:
    """Return `code` if the value only lacks its end, or the code of an earlier syntax error."""
    try:
        plain.careful(raw.decode("utf-8", errors="replace"))
    except plain.NotJson as error:
        return code if error.cut else "bad_json"
    except plain.TooDeep:
        return "too_deep"
    return code


class ArrayFile:
    """A file that is one JSON array."""

    name = "json"

    def __init__(self, window: Window, maker: RowMaker) -> None:
        self.place = 1  # position of the next element to read
        self.closed = False
        self._scanner = Scanner(window)
        self._maker = maker

    def rows(self) -> Iterator[list[Row]]:
        self._scanner.take()
        yield from self._elements()
        if self._scanner.peek():
            raise BrokenJson("bad_json")
        self.closed = True

    def _elements(self) -> Iterator[list[Row]]:
        """Yield the rows of the array after its opening bracket, and take its closing one."""
        scanner, window = self._scanner, self._scanner.window
        if scanner.peek() == b"]":
            window.at += 1
            return
        tried = -1
        while True:
            if scanner.peek() == b"{" and tried != window.fills:
                tried = window.fills
                page = self._page(window)
                if page:
                    self.place += len(page)
                    yield page
                    continue
            yield [self._element(scanner.value())]
            self.place += 1
            separator = scanner.take()
            if separator == b"]":
                return
            if separator != b",":
                raise BrokenJson("bad_json")

    def _element(self, raw: bytes) -> Row:
        value, problem = plain.decode(raw)
        if problem == "bad_json":
            raise BrokenJson("bad_json")
        return self._maker.single(value, problem, self.place)

    def _page(self, window: Window) -> list[Row]:
        """Return all complete rows in the window, decoded at once; an empty list if no row border is found quickly.

        A border is right if and only if the part before it decodes: a comma within a row or a text leaves brackets
        open.
        """
        data, at = window.data, window.at
        if len(data) - at > rows.MAX_ROW:
            return []  # one row might be too big: measure each
        for end, following in _borders(data, at):
            page = data[at:end]
            try:
                objects = plain.decode_objects(b"[" + page + b"]")
            except plain.NOT_FAST:
                continue
            window.at = following
            return self._maker.many(objects, self.place, suspicious=b"\\u0000" in page)
        return []


def _borders(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Yield the last few possible borders between two rows, from the right.

    Rows mostly begin alike, so search for the beginning of this one first: nested objects rarely share it.
    """
    opener = _OPENER.match(data, at)
    end = len(data)
    tries = 0
    while opener and tries < _BORDERS_TRIED and (end := data.rfind(opener.group(), at + 1, end)) > 0:
        tries += 1
        before = data[max(at, end - 200) : end].rstrip(b" \t\r\n")
        if before.endswith(b",") and before[:-1].rstrip(b" \t\r\n").endswith(b"}"):
            closing = data.rfind(b"}", at, end)
            yield closing + 1, end
    end = len(data)
    while tries < 2 * _BORDERS_TRIED and (end := data.rfind(b"}", at, end)) > 0:
        tries += 1
        if border := _BORDER.match(data, end):
            yield end + 1, border.end() - 1


class ObjectFile(ArrayFile):
    """A file that is one JSON object: it holds the array under any key, or is itself the only row.

    The first array of objects is used. If another array with reject URIs follows, the choice is ambiguous: BrokenJson
    with the code two_arrays.
    """

    name = "json_object"

    def __init__(self, window: Window, maker: RowMaker) -> None:
        super().__init__(window, maker)
        self._found = False  # the array of objects
        self._found_empty = False  # an array without elements
        self._damaged = ""
        self._head: dict[str, Any] = {}  # fields before the array
        self._is_contact = False  # a reject URI is among them
        self._head_size = 0

    def rows(self) -> Iterator[list[Row]]:
        scanner = self._scanner
        scanner.take()
        if scanner.peek() == b"}":
            raise BrokenJson("not_a_contact_file")
        separator = b","
        while separator == b",":
            key = self._key()
            if self._is_at_array():
                self._found = True
                scanner.take()
                yield from self._elements()
            else:
                self._read_field(key)
            separator = scanner.take()
        if separator != b"}" or scanner.peek():
            raise BrokenJson("bad_json")
        if not self._found:
            yield self._object_as_row()
        self.closed = True

    def _key(self) -> str:
        if self._scanner.peek() not in (b'"', b""):
            raise BrokenJson("bad_json")
        key, problem = plain.decode(self._scanner.value())
        if problem == "bad_json" or self._scanner.take() != b":":
            raise BrokenJson("bad_json")
        self._damaged = self._damaged or problem
        return str(key)

    def _is_at_array(self) -> bool:
        """Return whether the array of contacts comes next; in an object with a reject URI, an array is only a field."""
        if self._found or self._scanner.peek() != b"[" or self._is_contact:
            return False
        first = self._scanner.peek_inside()
        self._found_empty = self._found_empty or first == b"]"
        return first == b"{"

    def _read_field(self, key: str) -> None:
        raw = self._scanner.value()
        value, problem = plain.decode(raw)
        if problem in ("bad_json", "too_deep"):
            raise BrokenJson(problem)
        if not self._found:
            self._damaged = self._damaged or problem
            self._head[key] = value
            # Check each key alone: a check of the whole head at every array takes quadratic time.
            self._is_contact = self._is_contact or named([key], URI_KEYS) is not None
            self._head_size += len(raw) + len(key)
            if self._head_size > rows.MAX_ROW:
                raise BrokenJson("too_big")
        elif named([key], URI_KEYS) is not None:
            raise BrokenJson("not_a_contact_file")  # the object was a contact, and the array one of its fields
        elif isinstance(value, list) and any(isinstance(one, dict) and named(list(one), URI_KEYS) for one in value):
            raise BrokenJson("two_arrays")

    def _object_as_row(self) -> list[Row]:
        keys = list(self._head)
        if named(keys, URI_KEYS) is None and (self._found_empty or named(keys, ID_KEYS) is None):
            if self._found_empty:
                return []
            raise BrokenJson("not_a_contact_file")
        row = self._maker.single(self._head, self._damaged, self.place)
        self.place += 1
        return [row]
