"""Contact file reader: turn the blocks of one download, or of several pages, into chunks of rows in constant memory."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from actions.names import NOTHING
from sendouts.symplify.formats import as_utf8, recognise
from sendouts.symplify.jsonfile import BrokenJson, ObjectFile
from sendouts.symplify.rows import Row, RowFindings, RowMaker
from sendouts.symplify.source import Source, Window

__all__ = ["ItemReader", "Row", "canonical"]

# Give a file up once so many rows, and most of them, cannot be read: it is no contact file, or a bomb.
MAX_UNREAD = 10_000
# Pages of one file that are followed.
MAX_PAGES = 10_000
# Names of fields about pages, without capitals and marks.
_MORE = {"hasmore", "hasnext", "hasnextpage", "morepages", "moreresults", "moreavailable", "istruncated", "truncated"}
_NEXT = {"next", "nextpage", "nextlink", "nexthref", "odatanextlink", "nextpagelink"}
_NEXT |= {f"{name}{end}" for name in ("next", "nextpage") for end in ("uri", "url")}
_CURSOR = {"nextcursor", "nextpagetoken", "nexttoken", "continuationtoken", "continuation"}
_TOTAL = {"total", "count"} | {
    f"{first}{last}"
    for first in ("total", "number", "numberof")
    for last in ("count", "items", "elements", "results", "records", "rows", "contacts", "hits")
}
_PAGES = {"pages", "totalpages", "pagecount", "numberofpages", "lastpage"}
# Objects that may hold these fields.
_HOLDERS = {"links", "paging", "pagination", "pageinfo", "page", "meta", "metadata", "cursors", "data", "result"}
_HOLDERS |= {"results", "response", "info", "contacts", "items"}
_PLACES = ("href", "url", "uri")
_LINK = re.compile(r"<([^<>]*)>((?:\s*;[^,<]*)*)")
_REL_NEXT = re.compile(r";\s*rel\s*=\s*\"?[^\";]*\bnext\b", re.IGNORECASE)
_MAX_LEVELS = 5
_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical(rows: list[Row]) -> bytes:
    """Return bytes for a hash that compares two downloads: equal for equal rows, whatever their key order."""
    return _encode(rows)


class PageAnswer(Protocol):
    """An answer with one page of contacts, of which nothing is read yet."""

    content_encoding: str

    @property
    def headers(self) -> Mapping[str, str]: ...

    def blocks(self) -> Iterable[bytes]: ...

    def proves_end(self) -> bool: ...


class ItemReader(RowFindings):
    """Reader of one contact file, for a single pass.

    `transport_proves_end` is called after the last block. Faults in the content never raise: each becomes a row with a
    problem, or ends the reading with a code in `broken`: cut, bad_gzip, bad_json, too_deep, too_big, two_arrays,
    mostly_unread, more_pages, rows_missing, foreign_encoding, a code of BadArchive, or what the file is
    instead (not_a_contact_file, no_columns, is_…).

    headers: those of the answer, by their usual names or in lower case. follow: opens the next page at a URI, perhaps a
    relative one; without it, a file with more pages is broken. Its errors propagate. maker: makes the rows.
    empty_words: the folded words for nothing; an id or a URI that is one of them is none.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        *,
        content_encoding: str = "",
        headers: Mapping[str, str] | None = None,
        transport_proves_end: Callable[[], bool],
        follow: Callable[[str], PageAnswer] | None = None,
        maker: type[RowMaker] = RowMaker,
        empty_words: frozenset[str] = NOTHING,
    ) -> None:
        super().__init__()
        self._headers = headers or {}
        self._source = Source(blocks, content_encoding, transport_proves_end)
        self._follow = follow
        self._maker = maker
        self._empty_words = empty_words
        self._around: Mapping[str, Any] = {}
        # "json", "json_object", "ndjson" or "csv"; "" until a format is recognised.
        self.format = ""
        # Set after the last chunk if the end of the file is proven. Some rows may still have a problem.
        self.complete = False
        # Number of contacts that the file says it has; 0 if it says nothing.
        self.total = 0

    @property
    def head(self) -> bytes:
        """Return the first bytes of the plain file."""
        return self._source.head

    @property
    def names(self) -> list[str]:
        """Return the names of the files in an archive that is not read, or of encodings that nothing here unpacks."""
        return self._source.names

    def chunks(self, size: int) -> Iterator[list[Row]]:
        """Yield lists of `size` rows, the last one shorter; all errors of the blocks but BrokenDownload propagate."""
        held: list[Row] = []
        for page in self._pages():
            held += page
            if self.unread > MAX_UNREAD and 2 * self.unread > self.rows:
                self.stop("mostly_unread", 1)
                del held[MAX_UNREAD:]
            if len(held) >= size:
                whole = len(held) - len(held) % size
                for start in range(0, whole, size):
                    yield held[start : start + size]
                held = held[whole:]
            if self.broken == "mostly_unread":
                break
        if held:
            yield held

    def _pages(self) -> Iterator[list[Row]]:
        followed: set[str] = set()
        while True:
            yield from self._page()
            if self.broken:
                return
            paging = read_paging(self._around, self._headers, self.page)
            self.total = max(self.total, paging.total)
            if not paging.more:
                break
            if self._follow is None or not paging.next or paging.next in followed or len(followed) >= MAX_PAGES:
                self.stop("more_pages", self.page)
                return
            followed.add(paging.next)
            answer = self._follow(paging.next)
            self.page += 1
            self._headers = answer.headers
            self._source = Source(answer.blocks(), answer.content_encoding, answer.proves_end)
        if self.rows < self.total:
            self.stop("rows_missing", self.page)
        self.complete = not self.broken

    def _page(self) -> Iterator[list[Row]]:
        """Yield the rows of one answer."""
        source = self._source
        maker = self._maker(self, self._empty_words)
        place = 1
        try:
            pieces, utf8 = as_utf8(source.pieces(), self._headers.get("content-type", ""))
            file = recognise(Window(pieces), source, maker, utf8=utf8)
            self.format = file.name
            try:
                yield from file.rows()
            finally:
                place = file.place
        except BrokenJson as reason:
            code = str(reason)
            self.stop(source.broken or code if code == "cut" else code, place)
            return
        self._around = file.around if isinstance(file, ObjectFile) else {}
        if source.broken or not (file.closed or source.proven()):
            self.stop(source.broken or "cut", place)


class Paging(NamedTuple):
    """`next` is the place of the next page, "" if unknown; `total` the number of rows of all, 0 if unknown."""

    more: bool
    next: str
    total: int


def read_paging(around: Mapping[str, Any], headers: Mapping[str, str], page: int) -> Paging:
    """Return what the page with this number, from 1, says about others. An explicit “no more” counts before a place."""
    said, places, total, pages = set(), [], 0, 0
    for name, value in _fields(around, 0):
        if name in _MORE and isinstance(value, bool):
            said.add(value)
        elif name == "last" and isinstance(value, bool):
            said.add(not value)
        elif name in _NEXT and value not in (None, "", False):
            places.append(_place(value))
        elif name in _CURSOR and value:
            places.append("")
        elif name in _TOTAL:
            total = max(total, _whole(value))
        elif name in _PAGES:
            pages = max(pages, _whole(value))
    for link, attributes in _LINK.findall(headers.get("link", "")):
        if _REL_NEXT.search(attributes):
            places.append(link.strip())
    total = max(total, _whole(headers.get("x-total-count", "")))
    if True not in said and False in said:
        places = []
    found = {place for place in places if place}
    more = True in said or bool(places) or pages > page
    return Paging(more, found.pop() if len(found) == 1 else "", total)


def _fields(value: Mapping[str, Any], level: int) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = re.sub(r"[^a-z]", "", key.lower())
        yield name, inner
        if name not in _HOLDERS or level >= _MAX_LEVELS:
            continue
        if isinstance(inner, dict):
            yield from _fields(inner, level + 1)
        elif isinstance(inner, list):
            yield from (("next", link) for link in inner if isinstance(link, dict) and link.get("rel") == "next")


def _place(value: Any) -> str:
    """Return a URI, which may be relative; "" for a number or a mark that only the platform can read."""
    if isinstance(value, dict):
        value = next((value[name] for name in _PLACES if name in value), "")
    text = value.strip() if isinstance(value, str) else ""
    return text if text.lower().startswith(("https://", "http://", "/", "?")) else ""


def _whole(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
