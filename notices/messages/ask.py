"""Questions of one person to those who may take a step that they may not: who is asked, and the messages to them."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from actions import access
from notices.messages.readers import LOOK, may_be_told
from notices.models import Message, Occasion
from sendouts.models import Batch
from sendouts.verbs import base

# Steps that a person may ask for, by the names of their verbs, and the permission that each takes.
STEPS: Mapping[str, str] = {"accept": base.REVIEW, "whole-file": base.TAKE_ON, "use-file": base.TAKE_ON}


def who_may(batch: Batch, step: str, asker: User) -> list[User]:
    """Return the people who may take a step of a batch and can be told, without the person who asks."""
    found = may_be_told(STEPS[step]).exclude(pk=asker.pk)
    return [user for user in found if user.has_perm(LOOK) and access.sees(user, batch.project_id)]


def put_question(batch: Batch, step: str, asker: User, now: datetime) -> None:
    """Put a question into the outbox of each person who may.

    Nobody is asked twice by the same person for the same step of a batch.
    """
    same = {"sendout_id": batch.sendout_id, "batch": batch, "occasion": Occasion.ASKED, "due_at": now, "made_at": now}
    detail = f"{step}:{asker.pk}"
    rows = [Message(detail=detail, user=user, **same) for user in who_may(batch, step, asker)]
    Message.objects.bulk_create(rows, ignore_conflicts=True)


def asked_step(message: Message) -> tuple[str, User | None]:
    """Return the step that a question is about, and who asks; None if their account is gone."""
    step, _, asker = message.detail.partition(":")
    return step, User.objects.filter(pk=int(asker)).first()


def may_answer(message: Message) -> bool:
    """Return whether the person who was asked may take the step now."""
    step = message.detail.partition(":")[0]
    user = may_be_told(STEPS[step]).filter(pk=message.user_id or 0).first()
    return user is not None and access.sees(user, message.sendout.project_id)
