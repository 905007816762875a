"""Kind that asks a service who consents now, page by page or contact by contact."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from actions.catalog.consent_check.answer import (
    NOTHING,
    AnswerSaid,
    Lookup,
    Mapped,
    NoConsentKnown,
    as_identifier,
    as_object,
)
from actions.catalog.consent_check.config import ConsentCheckConfig
from actions.catalog.consent_check.placeholders import Person, climbs, fields_in, fill_body, fill_url
from actions.catalog.shared.field_problems import FieldProblem
from actions.catalog.shared.http import Call, call, read_json
from actions.contact import MISSING, has_value
from actions.contract import (
    Check,
    Contact,
    Context,
    Shown,
    Verdict,
    accept,
    gettext_noop,
    reject,
    undecided,
)

# A value that means neither yes nor no is no answer; if only true and false are declared, 1 and "true" mean neither.
_DOUBTS = {doubt: undecided("no_answer", doubt()) for doubt in NoConsentKnown}
_SILENT = _DOUBTS[NoConsentKnown.SILENT]
_UNFIT = undecided("cannot_ask", NoConsentKnown.UNFIT())
_URL, _BODY = gettext_noop("URL"), gettext_noop("Body")
# If each contact has its own question, these codes are about the contact: the service does not know it.
_UNKNOWN = frozenset({404, 410})


class ConsentCheck(Check):
    """Asks `{"contacts": ["A-17"]}` and expects `{"verdicts": {"A-17": true}}`; a contact missing there is undecided.

    The configuration maps other forms of question and answer.
    """

    name = "consent_check"
    title = gettext_noop("Consent asked of a service")
    description = gettext_noop("Asks a web service at the time of the sendout which contacts consent.")
    Config = ConsentCheckConfig
    waits = True

    def __init__(self, config: ConsentCheckConfig) -> None:
        super().__init__(config)
        # One contact per page: a failure, pause or retry then affects no other contact.
        self.page_size = 1 if config.asks == "contact" else config.page_size
        self.parallel = config.parallel
        self.timeout = config.timeout
        self._body = None if config.method == "GET" else config.body
        self._fields = fields_in(config.url, self._body)
        self._mapped = Mapped(config)
        codes = {int(code) for code in config.yes_values + config.no_values if config.shape == "status"}
        self._call = Call(
            url=config.url,
            method=config.method,
            headers=config.headers,
            credential=config.credential,
            timeout=config.timeout,
            per_second=config.per_second,
            codes=codes | _UNKNOWN if config.asks == "contact" else frozenset(),
        )
        self._rejected = reject("no_consent", config.reason)
        self._absent = {"hold": _SILENT, "reject": self._rejected, "accept": accept()}[config.absent]

    def needs(self) -> Collection[str]:
        return (self.config.identifier, *self._fields) if self.config.identifier else self._fields

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        people = [self._person(contact, context.empty_words) for contact in page]
        # Ask once about a repeated contact.
        asked = list({person.identifier: person for person in people if isinstance(person, Person)}.values())
        size = 1 if self.config.asks == "contact" else max(1, len(asked))
        judged: dict[str, Verdict] = {}
        for start in range(0, len(asked), size):
            judged |= self._ask(asked[start : start + size], context)
        return [judged[each.identifier] if isinstance(each, Person) else each for each in people]

    def shows(self, contact: Contact, context: Context) -> Sequence[Shown]:
        person = self._person(contact, context.empty_words)
        if not isinstance(person, Person):
            return [Shown(_URL, None), *([] if self._body is None else [Shown(_BODY, None)])]
        url, body = self._question([person], context)
        shown = [Shown(_URL, None if climbs(url) else url)]
        return shown if body is None else [*shown, Shown(_BODY, json.dumps(body, ensure_ascii=False, indent=2))]

    def _question(self, people: Sequence[Person], context: Context) -> tuple[str, Any]:
        """Return address and body of the question about these people."""
        names = {"project": context.project, "journey": context.journey, "sendout": context.sendout}
        body = None if self._body is None else fill_body(self._body, people, names)
        return fill_url(self.config.url, people, names), body

    def _person(self, contact: Contact, words: Collection[str]) -> Person | Verdict:
        """Return the contact's form in a question, or the verdict that explains why it has none."""
        config: ConsentCheckConfig = self.config
        wanted = (config.identifier, *self._fields) if config.identifier else self._fields
        values = {path: contact.field(path) for path in wanted}
        for path, value in values.items():
            if not isinstance(value, str | int | float) or not has_value(value, words):
                return undecided("missing", FieldProblem.MISSING(name=path))
        identifier = as_identifier(values[config.identifier]) if config.identifier else contact.id
        if not identifier:
            return undecided("missing", FieldProblem.NOBODY(name=config.identifier))
        return Person(identifier, values)

    def _ask(self, people: Sequence[Person], context: Context) -> dict[str, Verdict]:
        """Ask one question, and judge its contacts."""
        url, body = self._question(people, context)
        if climbs(url):
            return dict.fromkeys((person.identifier for person in people), _UNFIT)
        code, content = call(context, replace(self._call, url=url, body=body))
        said = self._said(url, code, content, [person.identifier for person in people])
        judge = self._judge(datetime.now(UTC))
        return {person.identifier: judge(said(person.identifier)) for person in people}

    def _said(self, url: str, code: int, content: bytes, asked: Sequence[str]) -> Lookup:
        if self.config.shape == "status":
            return lambda identifier: self._mapped.of_code(code)
        if code in _UNKNOWN:
            return lambda identifier: NOTHING
        return self._mapped.read(read_json(url, content, as_object), asked)

    def _judge(self, answered_at: datetime) -> Callable[[AnswerSaid], Verdict]:
        """Return a function from answer to verdict. Contacts with the same evidence share one: a page has hundreds."""
        accepted, rejected = accept(answered_at), replace(self._rejected, evidence_at=answered_at)
        absent = self._absent if self._absent is _SILENT else replace(self._absent, evidence_at=answered_at)

        def judge(said: AnswerSaid) -> Verdict:
            if said.consents is MISSING:
                return absent
            if said.consents is None:
                return _DOUBTS[said.doubt]
            verdict = accepted if said.consents else rejected
            return verdict if said.at is None else replace(verdict, evidence_at=said.at)

        return judge
