"""Contact file as JSON: an array of objects, or an object that holds the array under any key, perhaps inside others."""

import re
from collections.abc import Iterator
from typing import Any

from sendouts.symplify import plain, rows
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, is_contact, named
from sendouts.symplify.source import Window

SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^ \t\r\n,\]\[{}\":]+")
# Match a whole string, the opening quote of a string that does not end here, or a bracket. Possessive, because strings
# may be long.
STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_OPENER = re.compile(rb'\{[ \t\r\n]*"[^"\\]*"')
_BORDER = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_BORDERS_TRIED = 4
_MAX_LEVELS = 5  # of objects around the array of contacts


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

    def peek_object(self) -> bytes:
        """Return the first object inside the array that begins here, without taking anything; b"" if it is another."""
        window = self.window
        if self.peek_inside() != b"{":
            return b""
        while True:
            start = window.data.index(b"{", window.at)
            end = _end_of_value(window.data, start, ended=window.ended)
            if end:
                return window.data[start:end]
            if len(window.data) - start > rows.MAX_ROW or not window.more():
                return b""

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
                objects, doubtful = plain.decode_objects(page)
            except plain.NOT_FAST:
                continue
            window.at = following
            return self._maker.many(objects, self.place, suspicious=doubtful or plain.has_escape(page, plain.NUL))
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

    The first array of objects is used; inside of inner objects, the first one with reject URIs. If another array with
    reject URIs follows, the choice is ambiguous: BrokenJson with the code two_arrays. `around` has the other fields.
    """

    name = "json_object"

    def __init__(self, window: Window, maker: RowMaker) -> None:
        super().__init__(window, maker)
        self.around: dict[str, Any] = {}
        self._found = False  # the array of objects
        self._found_empty = False  # an array without elements
        self._damaged = ""
        self._is_contact = False  # a reject URI is among the fields before the array
        self._size = 0  # bytes of the fields that are kept

    def rows(self) -> Iterator[list[Row]]:
        scanner = self._scanner
        scanner.take()
        if scanner.peek() == b"}":
            raise BrokenJson("not_a_contact_file")
        yield from self._members(self.around, 0)
        if scanner.peek():
            raise BrokenJson("bad_json")
        if not self._found:
            yield self._object_as_row()
        self.closed = True

    def _members(self, fields: dict[str, Any], level: int) -> Iterator[list[Row]]:
        """Yield the rows of the array in the object that begins here, and take its closing brace."""
        scanner = self._scanner
        separator = b","
        while separator == b",":
            key = self._key()
            if self._is_at_array(level):
                self._found = True
                scanner.take()
                yield from self._elements()
            elif self._is_at_object(level):
                scanner.take()
                inner: dict[str, Any] = {}
                if scanner.peek() == b"}":
                    scanner.take()
                else:
                    yield from self._members(inner, level + 1)
                self._keep(fields, key, inner)
            else:
                self._read_field(fields, key, level)
            separator = scanner.take()
        if separator != b"}":
            raise BrokenJson("bad_json")

    def _key(self) -> str:
        if self._scanner.peek() not in (b'"', b""):
            raise BrokenJson("bad_json")
        raw = self._scanner.value()
        key, problem = plain.decode(raw)
        if problem == "bad_json" or self._scanner.take() != b":":
            raise BrokenJson("bad_json")
        self._damaged = self._damaged or problem
        self._has_room(raw)
        return str(key)

    def _is_at_array(self, level: int) -> bool:
        """Return whether the array of contacts comes next; in an object with a reject URI, an array is only a field."""
        if self._found or self._scanner.peek() != b"[" or self._is_contact:
            return False
        first = self._scanner.peek_inside()
        if level:
            return first == b"{" and self._maker.is_contact(plain.decode(self._scanner.peek_object())[0])
        self._found_empty = self._found_empty or first == b"]"
        return first == b"{"

    def _is_at_object(self, level: int) -> bool:
        return not self._found and not self._is_contact and level < _MAX_LEVELS and self._scanner.peek() == b"{"

    def _read_field(self, fields: dict[str, Any], key: str, level: int) -> None:
        raw = self._scanner.value()
        value, problem = plain.decode(raw)
        if problem in ("bad_json", "too_deep"):
            raise BrokenJson(problem)
        # Check each key alone: a check of all fields at every array takes quadratic time.
        is_uri = not level and named([key], URI_KEYS) is not None
        if not self._found:
            self._damaged = self._damaged or problem
            self._is_contact = self._is_contact or is_uri
        elif is_uri:
            raise BrokenJson("not_a_contact_file")  # the object was a contact, and the array one of its fields
        elif _holds_contacts(value):
            raise BrokenJson("two_arrays")
        if self._has_room(raw):
            self._keep(fields, key, value)

    def _keep(self, fields: dict[str, Any], key: str, value: Any) -> None:
        fields[key] = value if key not in fields or plain.agree(fields[key], value) else plain.Twice(value)

    def _has_room(self, raw: bytes) -> bool:
        """Count what is kept. Before the array, too much is no contact file; behind it, it is only not kept."""
        self._size += len(raw)
        if self._size > rows.MAX_ROW and not self._found:
            raise BrokenJson("too_big")
        return self._size <= rows.MAX_ROW

    def _object_as_row(self) -> list[Row]:
        keys = list(self.around)
        if named(keys, URI_KEYS) is None and (self._found_empty or named(keys, ID_KEYS) is None):
            if self._found_empty:
                return []
            raise BrokenJson("not_a_contact_file")
        row = self._maker.single(self.around, self._damaged, self.place)
        self.around = {}
        self.place += 1
        return [row]


def _holds_contacts(value: Any) -> bool:
    """Return whether an array of contacts is anywhere in the value."""
    if isinstance(value, dict):
        return any(map(_holds_contacts, value.values()))
    return isinstance(value, list) and any(is_contact(one) or _holds_contacts(one) for one in value)
