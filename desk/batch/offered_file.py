"""What the page that saves a batch shows of the file that a person has offered: numbers, lost contacts, columns."""

from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.secrets.keys import CannotOpen
from sendouts.models import Batch, Decision, Spool
from sendouts.privacy.masking import HIDDEN, masked
from sendouts.spool import offer_columns, offers
from sendouts.spool.bucket import StorageAway
from sendouts.spool.offers import OfferProblem, OfferState
from sendouts.spool.spooled import LostFile
from sendouts.stages.screening.compare_offer import LISTED
from sendouts.verbs.use_file import lost_of
from sendouts.wording.batch_sentences import number

# Lost contacts that the page names; the download has more of them.
NAMED = 10


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One number of the comparison; `tone`: ok, late (somebody must look), or neither. `verdict`: what it means."""

    text: str
    count: str
    tone: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class LostContact:
    """A contact that was read before and is not, or not with this address, in the offered file."""

    contact: str
    why: str


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """One column of the offered file. `chosen` is what it is proposed for: id, uri, or nothing."""

    place: int
    name: str
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """The offered file for its page. `key` is empty if there is none; `refused` says why it was not taken.

    `lost`: contacts that would be lost, of which `named` are shown and `listed` can be downloaded.
    """

    key: str = ""
    state: str = ""
    name: str = ""
    size: str = ""
    by: str = ""
    refused: str = ""
    rounded: str = ""
    rows: int = 0
    lines: tuple[ComparedLine, ...] = ()
    lost: int = 0
    named: tuple[LostContact, ...] = ()
    listed: int = 0
    columns: tuple[PreviewColumn, ...] = ()
    preview: tuple[tuple[int, list[str]], ...] = ()

    @property
    def is_ready(self) -> bool:
        return self.state == OfferState.READY

    @property
    def has_come(self) -> bool:
        """Return whether the whole file is here, and was not refused."""
        return self.state in {OfferState.CHECKING, OfferState.COLUMNS, OfferState.READY}

    @property
    def more(self) -> int:
        """Return how many lost contacts the page does not name."""
        return self.lost - len(self.named)


def offered_file(batch: Batch, row: Spool | None) -> OfferedFile:
    """Return what the page shows of the file beside the batch's own."""
    if row is None or not row.offered:
        return OfferedFile()
    said: dict[str, Any] = row.offered
    state = said["state"]
    ready = state == OfferState.READY
    columns, preview = _columns(row) if state == OfferState.COLUMNS else ((), ())
    return OfferedFile(
        key=said["key"],
        state=state,
        name=_name(row),
        size=filesizeformat(said["size"]),
        by=said["by"],
        refused=str(OfferProblem(said["code"]).label) if state == OfferState.REFUSED else "",
        rounded=_rounded(said),
        rows=said["rows"] if ready else 0,
        lines=_lines(said) if ready else (),
        lost=lost_of(said) if ready else 0,
        named=tuple(lost_contacts(batch, said, NAMED)) if ready else (),
        listed=sum(len(said.get(name, ())) for name in ("missing_rows", "other_rows")),
        columns=columns,
        preview=preview,
    )


def lost_contacts(batch: Batch, said: dict[str, Any], most: int = 2 * LISTED) -> list[LostContact]:
    """Return the first contacts that would be lost, for readers who may see contacts."""
    found: list[LostContact] = []
    for name, why in (("missing_rows", _("missing")), ("other_rows", _("another address"))):
        rows = said.get(name, [])[: most - len(found)]
        wanted = Decision.objects.filter(pk__in=[batch.first_decision + each for each in rows]).order_by("pk")
        found += [LostContact(contact or "–", why) for contact in wanted.values_list("contact_id", flat=True)]
    return found


def _name(row: Spool) -> str:
    try:
        return offers.name_of(row) or "–"
    except CannotOpen:
        return "–"


def _lines(said: dict[str, Any]) -> tuple[ComparedLine, ...]:
    before = said["same"] + said["missing"] + said["other"]
    every = _("all of them") if before and said["same"] == before else ""
    found = [
        ComparedLine(
            _("Read already and in your file, same id and same address"),
            number(said["same"]),
            "ok" if every else "",
            every,
        ),
        ComparedLine(_("New in your file"), number(said["new"])),
        _counted(_("Read already, missing in your file"), said["missing"], _("nobody lost")),
        _counted(_("Same id, another address"), said["other"], _("none")),
    ]
    if said["unread"]:
        found.append(_counted(_("Rows of your file that cannot be read"), said["unread"], ""))
    return tuple(found)


def _counted(text: str, count: int, none: str) -> ComparedLine:
    """Return a line that should say 0."""
    if not count:
        return ComparedLine(text, number(0), "ok", none)
    return ComparedLine(text, number(count), "late", _("look at them"))


def _rounded(said: dict[str, Any]) -> str:
    """Return what to do about numbers that the spreadsheet has rounded; empty without any."""
    count = said.get("rounded", 0)
    text = ngettext(
        "%(n)s number has more than 15 digits, so the spreadsheet has rounded it: it is left empty. "
        "Make its column text, and export again.",
        "%(n)s numbers have more than 15 digits, so the spreadsheet has rounded them: they are left empty. "
        "Make their columns text, and export again.",
        count,
    )
    return text % {"n": number(count)} if count else ""


def _columns(row: Spool) -> tuple[tuple[PreviewColumn, ...], tuple[tuple[int, list[str]], ...]]:
    """Return the columns and the first rows, masked; empty if the file cannot be opened."""
    try:
        found = offer_columns.columns_of(row)
    except (CannotOpen, LostFile, StorageAway):
        return (), ()
    if found is None:
        return (), ()
    uri = found.uri
    if uri is None and len(found.addresses) == 1:
        uri = found.addresses[0]
    chosen = {uri: "uri", found.identity: "id"}
    # The proposed columns come first: on a phone the others need scrolling.
    first = [place for place in (found.identity, uri) if place is not None]
    order = [*first, *(place for place in range(len(found.names)) if place not in first)]
    columns = tuple(PreviewColumn(place, found.names[place] or "–", chosen.get(place, "")) for place in order)
    rows = enumerate(found.rows, found.first)
    return columns, tuple(
        (row, [_masked(dict(enumerate(cells)).get(place, "")) for place in order]) for row, cells in rows
    )


def _masked(value: str) -> str:
    """Return a cell as far as it tells which column it is in."""
    if offer_columns.is_address(value):
        return f"{value.strip().partition('://')[0]}://{HIDDEN}{value.strip()[-2:]}"
    return masked(value) if value else ""
