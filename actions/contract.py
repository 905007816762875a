"""The contract of kinds of action: base classes for kinds, here or in another package."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from actions.contact import MISSING as MISSING
from actions.contact import Contact as Contact
from actions.names import NOTHING
from actions.sentences import Sentences as Sentences
from actions.sentences import clean_text as clean_text
from actions.sentences import write

if TYPE_CHECKING:
    from outbound.session import GuardedSession

CODE_LENGTH = 64
TEXT_LENGTH = 500
EVIDENCE_YEARS = range(1900, 2200)


def gettext_noop(text: str) -> str:
    """Mark a title or help text for the translation catalogues; the screens translate it for display."""
    return text


def as_evidence(moment: datetime) -> datetime | None:
    """Return a moment with its offset, or None for one such as “31 December 9999”, which overflows calendars."""
    if moment.year not in EVIDENCE_YEARS:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Phase(StrEnum):
    """Order of kinds: checks decide, enrichment adds to the accepted, transfers inform other systems."""

    CHECK = "check"
    ENRICH = "enrich"
    TRANSFER = "transfer"


class Word(StrEnum):
    """The judgement of an action on one contact."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of an action on one contact, and its reason: a word, a code for machines, a text for people.

    The text is a declared sentence (see `Sentences`), shown in the reader's language, or free text, shown unchanged.
    Code and text are cut at 64 and 500 characters, and cleaned of characters that a database cannot store.
    `evidence_at` is when the evidence of the verdict was recorded, such as a consent. Without an offset it is read as
    UTC; in an impossible year it is omitted.
    """

    word: Word
    code: str = ""
    text: str = ""
    evidence_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "word", Word(self.word))
        object.__setattr__(self, "code", clean_text(str(self.code))[:CODE_LENGTH])
        object.__setattr__(self, "text", clean_text(str(self.text))[:TEXT_LENGTH])
        if self.evidence_at is not None:
            object.__setattr__(self, "evidence_at", as_evidence(self.evidence_at))


ACCEPT = Verdict(Word.ACCEPT)


def accept(evidence_at: datetime | None = None) -> Verdict:
    """Return the verdict that the contact may get the message, on evidence of that time."""
    return ACCEPT if evidence_at is None else Verdict(Word.ACCEPT, evidence_at=evidence_at)


def reject(code: str, text: str, evidence_at: datetime | None = None) -> Verdict:
    """Return the verdict that the contact must not get the message, on evidence of that time if any."""
    return Verdict(Word.REJECT, code, text, evidence_at)


def undecided(code: str, text: str) -> Verdict:
    """Return the verdict that the action cannot judge this contact; a person will."""
    return Verdict(Word.UNDECIDED, code, text)


class _Failed(Exception):
    """The action did not do what was asked of it."""

    @property
    def text(self) -> str:
        """The stored reason: a declared sentence or free text. str() writes it in English."""
        return str(self.args[0]) if self.args else self.__doc__ or ""

    def __str__(self) -> str:
        return write(self.text)


class Retryable(_Failed):
    """The service did not answer this time."""

    def __init__(self, text: str = "", retry_after: float | None = None) -> None:
        """Take a sentence without contact data, and after how many seconds to ask again, if known."""
        super().__init__(text or self.__doc__)
        self.retry_after = retry_after


class Later(Retryable):
    """The kind's own pace has the page wait: nothing failed, and nothing was asked."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds after which to call `check` again; delays do not grow from it."""
        super().__init__(retry_after=seconds)


class Blocked(Retryable):
    """The service takes no calls at the moment: nothing was asked, and further questions would not be."""


class Permanent(_Failed):
    """The action cannot be carried out as it is configured."""

    def __init__(self, text: str = "") -> None:
        """Take a sentence without contact data about the necessary change."""
        super().__init__(text or self.__doc__)


class Config(BaseModel):
    """Base of a kind's configuration: it refuses unknown keys; titles and descriptions become labels and help texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """Result of a lookup in a stored list: the reasons of listed values, and the values that it cannot contain.

    A reason may be empty. A list of addresses cannot contain an invalid address.
    """

    reasons: Mapping[str, str]
    unlike: Collection[str] = ()


class Codes:
    """The pools, by name; this base has none. A contact has one code of a pool in a batch, at every attempt."""

    def reserve(self, pool: str, contacts: Sequence[Contact]) -> Sequence[str]:
        """Return the code of each contact, in order; "" if none is left. Raise Retryable or Permanent."""
        raise LookupError(pool)

    def use(self, pool: str, codes: Mapping[str, str]) -> None:
        """Mark the codes of these contacts, by their ids, as used; raise Permanent."""
        raise LookupError(pool)


NO_POOLS = Codes()


class NoList(Sentences):
    """Why values cannot be looked up."""

    NO_LIST = "suppression.no_list", gettext_noop("No list “%(name)s” is kept here for this project.")


def _no_lists(name: str, values: Collection[str]) -> Listed:
    raise Permanent(NoList.NO_LIST(name=name))


def _nothing_newer(name: str, refused: Mapping[str, str]) -> Mapping[str, str] | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """Data and services for a kind, besides the contacts.

    - `details` came with the hook and is read-only.
    - `time_left()` is in seconds.
    - `http()` returns the only session that may be used for calls.
    - `credential(name)` returns the headers of a named credential; it raises Permanent, or Retryable if a token must
      be requested first, and is not given.
    - `renewed(name, headers)` returns other headers of it after these were answered with 401, or None if there are no
      others: repeat the call with them, once. It raises as `credential` does.
    - `suppressed(list, values)` returns which of some thousand values at most are on a stored list; it raises Permanent
      if the list does not exist.
    - `codes` are the pools of promo codes.
    - `empty_words` are the project's words for nothing, for `actions.names.is_for_nothing`.

    Only kinds that do not wait may use `suppressed` and `codes`: they use the worker's database connection.
    """

    project: str
    journey: str
    sendout: str
    details: Any
    time_left: Callable[[], float]
    http: Callable[[], "GuardedSession"]
    credential: Callable[[str], Mapping[str, str]]
    codes: Codes = NO_POOLS
    suppressed: Callable[[str, Collection[str]], Listed] = _no_lists
    renewed: Callable[[str, Mapping[str, str]], Mapping[str, str] | None] = _nothing_newer
    empty_words: frozenset[str] = NOTHING


@dataclass(frozen=True, slots=True)
class Shown:
    """One result of a configuration for display: its title (untranslated), its name if any, and its text.

    None if this contact has no value for it.
    """

    title: str
    text: str | None
    name: str = ""


class Kind(ABC):
    """A class that can act on contacts. One object serves one configuration, in several threads at a time.

    A kind that waits for other systems (HTTP, a database) sets `waits = True`: then up to `parallel` pages are asked at
    the same time, and none once the time is used up. `page_size` is in contacts, `timeout` in seconds for one page.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str] = ""
    phase: ClassVar[Phase]
    Config: ClassVar[type[BaseModel]] = Config
    waits: ClassVar[bool] = False
    page_size: int = 1000
    parallel: int = 4
    timeout: float = 10.0

    def __init__(self, config: Any) -> None:
        self.config = config

    def needs(self) -> Collection[str] | None:
        """Return the contact's fields that this configuration reads, besides its id; None if unknown.

        A check is rehearsed on past contacts only if all of these fields were kept.
        """
        return None

    def services(self) -> Collection[str]:
        """Return the names of the services that it calls before the release, such as their hosts; empty if none.

        Only some batches call one service at a time. By default these are the hosts of the URLs in the configuration.
        A kind that has none there, and waits or acts before the release, counts as a service of its own.
        """
        if not self.waits and self.phase is not Phase.ENRICH:
            return ()
        return _hosts_in(self.config.model_dump(mode="json")) or {self.name}

    def shows(self, contact: Contact, context: "Context") -> Sequence[Shown]:
        """Return the results of this configuration for one contact, for the preview in its form; most kinds need none.

        It makes no calls and changes nothing.
        """
        return ()

    @classmethod
    def read_config(cls, raw: Any) -> BaseModel:
        """Return the validated configuration; raise pydantic.ValidationError."""
        return cls.Config.model_validate(raw)

    @classmethod
    def normal_config(cls, raw: Any) -> dict[str, Any]:
        """Validate a configuration and return it with its defaults, as plain JSON values."""
        return cls.read_config(raw).model_dump(mode="json", by_alias=True)


def _hosts_in(value: Any) -> set[str]:
    """Return the hosts, with their ports, of all URLs in plain JSON values."""
    if isinstance(value, Mapping):
        return {host for each in value.values() for host in _hosts_in(each)}
    if isinstance(value, list):
        return {host for each in value for host in _hosts_in(each)}
    if not isinstance(value, str) or not value.lower().startswith(("https://", "http://")):
        return set()
    try:
        parts = urlsplit(value)
        port = parts.port or {"http": 80}.get(parts.scheme, 443)
    except ValueError:
        return set()
    return {f"{parts.hostname}:{port}"} if parts.hostname else set()


class Check(Kind):
    """A kind that decides whether a contact may get the message."""

    phase: ClassVar[Phase] = Phase.CHECK

    @abstractmethod
    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        """Return one verdict per contact of the page, in order; raise Retryable or Permanent for the whole page."""
