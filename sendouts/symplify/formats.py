"""Detection of a contact file's charset and format: from its first bytes and its declared charset, not its name."""

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from sendouts.symplify import plain, rows
from sendouts.symplify.csvfile import DELIMITERS, CsvFile, read_header
from sendouts.symplify.jsonfile import SPACE, STRING_OR_BRACKET, ArrayFile, BrokenJson, ObjectFile
from sendouts.symplify.linefile import NdjsonFile
from sendouts.symplify.rows import ID_KEYS, URI_KEYS, Row, RowMaker, named
from sendouts.symplify.source import Source, Window

_UTF8_MARK = b"\xef\xbb\xbf"
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# Where the NUL bytes are in the first two characters of a text in ASCII.
_NULS = {(1, 3): "utf-16-le", (0, 2): "utf-16-be", (1, 2, 3): "utf-32-le", (0, 1, 2): "utf-32-be"}
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
# Charsets of western Europe. Servers declare them by default, so text that is valid UTF-8 is taken for that.
_WESTERN = frozenset({"iso8859-1", "iso8859-9", "iso8859-15", "cp1252", "cp1254"})
# Charsets of Python's codecs that a server may declare.
_KNOWN = re.compile(r"(iso8859|cp|koi8|mac|shift_jis|euc|big5|gb|johab|tis|hz|iso2022|utf-?(16|32))")
_UNDECODABLE = "sendouts.undecodable"
codecs.register_error(_UNDECODABLE, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]

_SEPARATOR_LINE = re.compile(rb'"?sep=([^\r\n])"?[ \t]*\r?', re.IGNORECASE)
# Files of other programs, by their first bytes. Each code has a sentence in sendouts.wording.batch_sentences.
_OTHER_FILES = {
    b"\xd0\xcf\x11\xe0": "is_xls",
    b"%PDF": "is_pdf",
    b"PAR1": "is_binary",
    b"Obj\x01": "is_binary",
    b"BZh": "is_packed",
    b"\xfd7zX": "is_packed",
    b"7z\xbc\xaf": "is_packed",
    b"\x28\xb5\x2f\xfd": "is_packed",
    b"Rar!": "is_packed",
}
_ZIP = b"PK\x03\x04"
_HEAD = 4096  # bytes in which the parts of a spreadsheet and the tags of a page are looked for


class EmptyFile:
    """A file without content."""

    name = ""
    closed = False
    place = 1

    def rows(self) -> Iterator[list[Row]]:
        return iter(())


File = ArrayFile | ObjectFile | NdjsonFile | CsvFile | EmptyFile


def as_utf8(pieces: Iterator[bytes], content_type: str) -> tuple[Iterator[bytes], bool]:
    """Return the pieces in UTF-8, and whether they are known to be that.

    A mark of the byte order comes before the declared charset. What cannot be decoded becomes a byte that is not UTF-8.
    """
    head = b""
    while len(head) < 4 and (piece := next(pieces, b"")):
        head += piece
    pieces = chain([head] if head else [], pieces)
    if head.startswith(_UTF8_MARK):
        return pieces, True
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return _recoded(pieces, name), True
    if name := _NULS.get(tuple(place for place, byte in enumerate(head[:4]) if not byte), ""):
        return _recoded(pieces, name), True
    name = _declared(content_type)
    if name == "utf-8":
        return pieces, True
    if name in _WESTERN:
        return _western(pieces, "cp1252" if name == "iso8859-1" else name), True
    return (_recoded(pieces, name), True) if name else (pieces, False)


def _declared(content_type: str) -> str:
    """Return Python's name of the declared charset; "" if there is none or it says nothing."""
    found = _CHARSET.search(content_type)
    try:
        name = codecs.lookup(found[1]).name if found else ""
    except LookupError:
        return ""
    return name if name == "utf-8" or _KNOWN.match(name) else ""


def _recoded(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    decode = codecs.getincrementaldecoder(name)(_UNDECODABLE).decode
    for piece in pieces:
        if text := decode(piece):
            yield text.encode("utf-8", "surrogateescape")
    if text := decode(b"", True):
        yield text.encode("utf-8", "surrogateescape")


def _western(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Recode, unless the first text beyond ASCII is UTF-8, or the file is ASCII."""
    head: list[bytes] = []
    for piece in pieces:
        head.append(piece)
        if not piece.isascii():
            break
    else:
        yield from head
        return
    try:
        codecs.getincrementaldecoder("utf-8")().decode(b"".join(head))
    except UnicodeDecodeError:
        yield from _recoded(chain(head, pieces), name)
    else:
        yield from chain(head, pieces)


def recognise(window: Window, source: Source, maker: RowMaker, *, utf8: bool = False) -> File:
    """Return the reader for the format in the window; raise BrokenJson if it is not a contact file.

    utf8: the file is known to be in UTF-8.
    """
    while len(window.data) < 4 and window.more():
        pass
    if window.data.startswith(_UTF8_MARK):
        window.at = len(_UTF8_MARK)
    if b"\0" in window.data[:4]:
        raise BrokenJson("is_binary")
    first, line_number = _skip_empty_lines(window)
    if first == b"":
        return EmptyFile()
    if first == b"[":
        return ArrayFile(window, maker)
    if first == b"<":
        head = _head(window).lower()
        raise BrokenJson("is_html" if b"<html" in head or b"<!doctype html" in head else "is_xml")
    line, behind = _first_line(window)
    if not behind and _has_lone_returns(line):
        window.translate(b"\r", b"\n")
        line, behind = _first_line(window)
    if first == b"{":
        return NdjsonFile(window, source, maker, line_number) if _is_ndjson(line, behind) else ObjectFile(window, maker)
    delimiters: Sequence[str] = DELIMITERS
    if found := _SEPARATOR_LINE.fullmatch(line):
        delimiters = (found[1].decode("latin-1"),)
        _pass_line(window, line)
        _, more = _skip_empty_lines(window)
        line_number += more
        line, behind = _first_line(window)
    header = read_header(line, delimiters, utf8=utf8) if len(line) <= rows.MAX_ROW else None
    if header is None:
        cut = window.ended and not behind and not source.proven()
        raise BrokenJson("cut" if cut else _name_file(_head(window), line))
    _pass_line(window, line)
    delimiter, columns = header
    first_line = line_number + 1
    return CsvFile(window, source, maker, delimiter=delimiter, columns=columns, first_line=first_line, utf8=utf8)


def _pass_line(window: Window, line: bytes) -> None:
    window.at = min(window.at + len(line) + 1, len(window.data))


def _has_lone_returns(line: bytes) -> bool:
    """Return whether these are lines that end with carriage returns alone."""
    first, mark, rest = line.partition(b"\r")
    return bool(mark and rest.strip(b"\r")) and (first[:1] != b"{" or isinstance(plain.decode(first)[0], dict))


def _head(window: Window) -> bytes:
    while len(window.data) - window.at < _HEAD and window.more():
        pass
    return window.data[window.at : window.at + _HEAD]


def _name_file(head: bytes, line: bytes) -> str:
    """Return the code of a file that is no contact file."""
    for mark, code in _OTHER_FILES.items():
        if head.startswith(mark):
            return code
    if head.startswith(_ZIP):
        sheet = b"[Content_Types].xml" in head or b"xl/" in head or b"opendocument.spreadsheet" in head
        return "is_xlsx" if sheet else "is_packed"
    if line[:2] in (b'"[', b'"{') and b'\\"' in line:
        return "is_json_text"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return "not_a_contact_file"
    return "no_columns" if any(delimiter in text for delimiter in DELIMITERS) else "not_a_contact_file"


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
