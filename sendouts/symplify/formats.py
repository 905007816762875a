"""Detection of a contact file's format from its first bytes, never from its name."""

from collections.abc import Iterator

from sendouts.symplify import plain, rows
from sendouts.symplify.csvfile import CsvFile, read_header
from sendouts.symplify.jsonfile import SPACE, STRING_OR_BRACKET, ArrayFile, BrokenJson, ObjectFile
from sendouts.symplify.linefile import NdjsonFile
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Source, Window

_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 and UTF-32


class EmptyFile:
    """A file without content."""

    name = ""
    closed = False
    place = 1

    def rows(self) -> Iterator[list[Row]]:
        return iter(())


File = ArrayFile | ObjectFile | NdjsonFile | CsvFile | EmptyFile


def recognise(window: Window, source: Source, maker: RowMaker) -> File:
    """Return the reader for the format in the window; raise BrokenJson if it is not a contact file."""
    while len(window.data) < 4 and window.more():
        pass
    if window.data.startswith(_OTHER_MARKS) or b"\0" in window.data[:4]:
        raise BrokenJson("not_a_contact_file")
    if window.data.startswith(_UTF8_MARK):
        window.at = len(_UTF8_MARK)
    first, line_number = _skip_empty_lines(window)
    if first == b"":
        return EmptyFile()
    if first == b"[":
        return ArrayFile(window, maker)
    if first == b"<":
        raise BrokenJson("not_a_contact_file")
    line, behind = _first_line(window)
    if first == b"{":
        return NdjsonFile(window, source, maker, line_number) if _is_ndjson(line, behind) else ObjectFile(window, maker)
    header = read_header(line) if len(line) <= rows.MAX_ROW else None
    if header is None:
        cut = window.ended and not behind and not source.proven()
        raise BrokenJson("cut" if cut else "not_a_contact_file")
    window.at = min(window.at + len(line) + 1, len(window.data))
    delimiter, columns = header
    return CsvFile(window, source, maker, delimiter=delimiter, columns=columns, first_line=line_number + 1)


def _skip_empty_lines(window: Window) -> tuple[bytes, int]:
    """Move to the first written byte; return it (b"" if there is none) and its line number."""
    line_number = 1
    while True:
        found = SPACE.match(window.data, window.at)
        end = found.end() if found else window.at
        line_number += window.data.count(b"\n", window.at, end)
        # A tab may be an empty first column: keep the leading white space of the line, unless it is JSON.
        behind = window.data.rfind(b"\n", window.at, end) + 1
        if end - max(window.at, behind) > rows.MAX_ROW:
            raise BrokenJson("not_a_contact_file")
        if end < len(window.data):
            first = window.data[end : end + 1]
            window.at = end if first in b"[{<" else max(window.at, behind)
            return first, line_number
        window.at = max(window.at, behind)
        if not window.more():
            return b"", line_number


def _first_line(window: Window) -> tuple[bytes, bytes]:
    """Return the line that begins here, or one byte more than a row may have, and the next written byte behind it."""
    while True:
        data, at = window.data, window.at
        limit = at + rows.MAX_ROW + 1
        end = data.find(b"\n", at, limit)
        if end >= 0:
            found = SPACE.match(data, end, limit + rows.MAX_ROW)
            behind = found.end() if found else end
            if behind < min(len(data), limit + rows.MAX_ROW):
                return data[at:end], data[behind : behind + 1]
        enough = limit if end < 0 else limit + rows.MAX_ROW
        if len(data) >= enough or not window.more():
            return data[at : limit if end < 0 else end], b""


def _is_ndjson(line: bytes, behind: bytes) -> bool:
    """Return whether a file whose first line begins with a brace holds one object per line.

    The alternative is one object, in one line or many. `behind` is the next written byte, b"" if there is none.
    """
    value, _ = plain.decode(line)
    if isinstance(value, dict):
        arrays = [inner for inner in value.values() if isinstance(inner, list)]
        if named(list(value), URI_KEYS) is not None:
            return True
        if any(array and isinstance(array[0], dict) for array in arrays):
            return False
        return bool(behind) or ([] not in arrays and named(list(value), ID_KEYS) is not None)
    if not behind:
        return False
    stack: list[bytes] = []
    for token in STRING_OR_BRACKET.findall(line):
        if token == b'"':
            return True  # a JSON string cannot span lines, so this line is damaged; the following ones may be sound
        if token in (b"{", b"["):
            stack.append(token)
        elif token in (b"}", b"]") and stack:
            stack.pop()
    open_bracket = stack[-1] if stack else b""
    return not open_bracket or (open_bracket == b"{" and behind == b"{" and not line.rstrip().endswith(b":"))
