"""Stages under a test's control: process input step by step, against a real platform."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from actions.models import ActionDefinition, Project, Sendout
from actions.secrets.keys import keyring
from sendouts.intake import store as intake_store
from sendouts.intake.hook import Received
from sendouts.models import Batch, Decision, Event, Spool, Webhook
from sendouts.models.decision import rows_of
from sendouts.privacy import sealing
from sendouts.stages.plain import direct
from sendouts.verbs.base import Act, Result, Verb
from simulator.client import Report, Simulator
from tests.lanes import advance_batches, plan_hooks
from work import claims

CONSENT = {"field": "properties.consent", "reject_if": {"equals": False}, "if_missing": "hold", "reason": "No consent"}


@dataclass
class Gate:
    """One test's gateway."""

    platform: Simulator
    mailbox: list[bytes]

    def project(self, name: str = "Newsletter", *, consent: bool = True, **policy: Any) -> Project:
        project = Project.objects.create(name=name, **policy)
        if consent:
            self.define(project)
        return project

    def define(self, where: Project | Sendout, identifier: str = "consent-check", **more: Any) -> ActionDefinition:
        level = {"project": where} if isinstance(where, Project) else {"sendout": where}
        values = {"kind": "field_rule", "config": CONSENT} | more
        return ActionDefinition.objects.create(identifier=identifier, **level, **values)

    def fire(self, kind: str = "batch", **wanted: Any) -> Report:
        """Have the platform hold a sendout and fire its hooks, which are stored."""
        spec: Report = {"project": "Newsletter", "journey": "Welcome", "sendout": "Day 1", "actions": ["consent-check"]}
        if "rows" not in wanted:
            spec["contacts"] = 100 if kind == "batch" else 1
        report = self.platform.create(kind, **(spec | wanted))
        self.take_in()
        return report

    def take_in(self) -> list[int]:
        """Store what the platform fired since the last time."""
        bodies, self.mailbox[:] = list(self.mailbox), []
        return self.store(*bodies)

    def store(self, *bodies: bytes) -> list[int]:
        return intake_store.store([intake_store.seal_hook(body, "application/json", timezone.now()) for body in bodies])

    def plan(self, *, directly: bool = True) -> list[int]:
        """Plan what is stored; batches are due at once, and not only when their files are there.

        directly: plain singles go on to their release, as they do; otherwise they are left planned.
        """
        due = list(Webhook.objects.filter(due_at__isnull=False).values_list("pk", flat=True))
        with nullcontext() if directly else patch.object(direct, "select", return_value=[]):
            planned = plan_hooks(due)
        Batch.objects.filter(pk__in=planned).update(due_at=claims.due_in())
        return planned

    def work(self, rounds: int = 1) -> None:
        """Take every batch as far as it goes; each further round finds what waits for another attempt due at once."""
        self.plan()
        for _ in range(rounds):
            now = timezone.now()
            Batch.objects.filter(due_at__gt=now).exclude(status="in_review").update(due_at=now)
            Spool.objects.filter(due_at__gt=now).update(due_at=now)
            advance_batches(list(Batch.objects.filter(due_at__isnull=False).values_list("pk", flat=True)))

    def batch(self) -> Batch:
        """The only batch, as it is now."""
        return Batch.objects.select_related("project", "sendout", "plan").get()

    def decisions(self) -> list[Decision]:
        return list(Decision.objects.filter(rows_of(self.batch().pk)).order_by("pk"))

    def words(self) -> list[str]:
        """What the events of the only batch tell, in order."""
        return [event.new or event.word for event in Event.objects.filter(batch=self.batch())]


def finish_uri(batch: Batch) -> str:
    """The batch's finishUri, opened."""
    return keyring().open(batch.finish_uri, sealing.of_finish(batch.delivery_key)).decode()


def download_uri(batch: Batch) -> str:
    """The batch's itemDownloadUri, opened."""
    return keyring().open(batch.download_uri, sealing.of_download(batch.delivery_key)).decode()


def body_of(hook: Webhook | Received) -> bytes:
    """What came in, opened."""
    return keyring().open(hook.body, sealing.of_hook(hook.uuid))


def person(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def reviewer(name: str = "reviewer") -> User:
    return person(name, "view_batch", "review_batch")


def carry_out(verb: Verb[Result], batch: Batch, user: User, **given: Any) -> Result:
    """Carry a verb out for a person who saw the batch as this row has it; `given` replaces fields of the act."""
    values = {"revision": batch.revision, "note": "Why.", "now": timezone.now()} | given
    return verb.run(batch.pk, Act(user, **values))
