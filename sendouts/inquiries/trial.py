"""Trial of one action on one pasted contact: calls real services, stores nothing, has no other effect."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from actions.catalog import phases
from actions.effect import Preparing
from actions.models import ActionDefinition, Sendout, definition_of
from actions.names import EMPTY_WORDS, fold_words
from actions.plan.build import build
from actions.plan.merge import Asked, canonical, merge, to_json
from sendouts.models import Batch, DecisionVerdict, Plan
from sendouts.stages.screening.judge import Judge
from sendouts.symplify.items import ItemReader, Row
from sendouts.symplify.plain import decode
from sendouts.symplify.rows import RowFindings, RowMaker

log = structlog.get_logger(__name__)
# Share of a page's time for the service; a later answer would become a 503.
SHARE_OF_PAGE = 0.7
# This problem does not matter here, because nothing is sent.
_WITHOUT_ADDRESS = "no_uri"


class NoContact(ValueError):
    """The pasted text is not a contact; str() is a sentence for the screen."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of an action for a contact, or a `failure` sentence.

    `seconds` is the duration; `written` is the text that a writing action would store about the contact.
    """

    verdict: DecisionVerdict
    code: str
    text: str
    evidence_at: datetime | None
    failure: str
    seconds: float
    written: str = ""


def read_contact(text: str, empty_words: Iterable[str] = EMPTY_WORDS) -> Row:
    """Return one contact, from the platform's JSON or from a CSV header and one CSV row; raise NoContact."""
    rows = list(_rows(text.strip(), fold_words(empty_words)))
    if len(rows) != 1:
        raise NoContact(_("Paste one contact: a JSON object, or a header row and one row below it."))
    row = rows[0]
    if row.problem in ("no_id", _WITHOUT_ADDRESS) and not row.contact_id:
        raise NoContact(_("The contact has no id: give it one under contactId."))
    if row.problem not in ("", _WITHOUT_ADDRESS):
        raise NoContact(_("This contact cannot be read."))
    return Row(row.contact_id, row.uri, row.fields)


def _rows(text: str, words: frozenset[str]) -> Iterator[Row]:
    raw = text.encode("utf-8", errors="replace")
    if not text.startswith(("{", "[")):
        for chunk in ItemReader([raw], transport_proves_end=lambda: True, empty_words=words).chunks(2):
            yield from chunk
        return
    value, problem = decode(raw)
    maker = RowMaker(RowFindings(), words)
    for place, each in enumerate(value if isinstance(value, list) else [value], start=1):
        yield maker.single(each, problem, place)


def try_action(definition: ActionDefinition, contact: Row, user_id: int) -> Trial:
    """Judge the contact by this action alone, as for a batch: same code, same guard, same limits."""
    sendout = definition.sendout or Sendout(project=definition.project)
    now = timezone.now()
    ends = now + timedelta(seconds=settings.PAGE_SECONDS * SHARE_OF_PAGE)
    batch = Batch(
        project=sendout.project, sendout=sendout, plan=_plan(definition, sendout), received_at=now, deadline=ends
    )
    began = time.monotonic()
    screened = Judge(batch, ends).judge([contact], [0])
    seconds = time.monotonic() - began
    (decision,) = screened.decisions
    failure = screened.failures[0].sentence if screened.failures else ""
    written = "".join(_described(definition, effect.payload) for effect in screened.effects)
    verdict = DecisionVerdict(decision.verdict)
    outcome = "failed" if failure else verdict.name.lower()
    log.info("action_tried", definition=definition.pk, user=user_id, outcome=outcome, ms=round(seconds * 1000))
    return Trial(verdict, decision.reason, decision.text, decision.evidence_at, failure, seconds, written)


def _described(definition: ActionDefinition, payload: str) -> str:
    kind = build(definition.kind, canonical(definition.config))
    return kind.describe(json.loads(payload)) if isinstance(kind, Preparing) else ""


def _plan(definition: ActionDefinition, sendout: Sendout) -> Plan:
    """Return the plan for a hook that names only this action, without other definitions."""
    asked, words = [Asked.of(definition.identifier)], sendout.project.empty_words
    return Plan(content=json.loads(to_json(merge([definition_of(definition)], asked, phases(), words))))
