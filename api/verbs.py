"""Endpoints of verbs: one path for each verb that the screens offer too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors
from api.base import View
from api.parameters import ChangeAsked, StopAsked, VerbAsked
from api.serializers import WholeBatchSerializer
from api.views import BATCHES
from sendouts.models import Batch, DecisionVerdict
from sendouts.verbs import (
    Accept,
    CancelChange,
    ChangeAlike,
    ChangeDecisions,
    LiftHold,
    PutOnHold,
    Reject,
    StopRelease,
    TakeBack,
    base,
)
from sendouts.verbs.base import Act, NotDone, Verb
from sendouts.verbs.change_many import Which
from work.nudges import nudge

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb as programs see it. make: builds the verb from batch id and parameters, if the default does not fit."""

    verb: type[Verb[Any]]
    summary: str
    text: str
    serializer_class: type[StopAsked] = StopAsked
    make: Callable[[int, Asked], Verb[Any]] | None = None

    def made(self, batch_id: int, asked: Asked) -> Verb[Any]:
        return self.make(batch_id, asked) if self.make is not None else self.verb()


def _accept(_batch_id: int, asked: Asked) -> Verb[Any]:
    return Accept(asked["undecided"], asked["take_on"])


def _change(batch_id: int, asked: Asked) -> Verb[Any]:
    verdict = DecisionVerdict(asked["verdict"])
    if "rows" in asked:
        return ChangeDecisions([(batch_id << 32) + row for row in asked["rows"]], verdict)
    alike = asked["alike"]
    reason = (alike["code"], alike["action"]) if "code" in alike else None
    return ChangeAlike(Which(DecisionVerdict(alike["verdict"]), reason), verdict)


# Keyed by the last part of the path.
OFFERS: Mapping[str, Offer] = {
    "accept": Offer(
        Accept,
        "Accept a held batch",
        "The rejected contacts are rejected one by one, then the rest is released.\n\n"
        "Where two people must accept, the first acceptance is recorded: the answer is then still `in_review`, with\n"
        "`first_acceptance`, until another user accepts as well.",
        VerbAsked,
        _accept,
    ),
    "reject": Offer(
        Reject,
        "Reject a held batch whole",
        "Every contact is rejected one by one, then the batch is finished, so that nobody times out.",
        VerbAsked,
    ),
    "take-back": Offer(
        TakeBack,
        "Take one's own first acceptance back",
        "Only while a second person is waited for; whoever accepted first takes it back.",
    ),
    "undo": Offer(
        StopRelease,
        "Stop a batch before its release",
        "An accepted or rejected batch waits for review again; what was sent by then stays rejected.",
    ),
    "change": Offer(
        ChangeDecisions,
        "Change decisions of a held batch",
        "Single rows, or all that are alike. Many are changed piece by piece: `change` of the batch says how far that "
        "is.",
        ChangeAsked,
        _change,
    ),
    "cancel-change": Offer(CancelChange, "Cancel a change of many decisions", "What was changed by then stays."),
    "hold": Offer(
        PutOnHold,
        "Put a held batch on hold",
        "Nothing happens to this batch by itself at the deadline until the hold is lifted; people still decide on it.",
    ),
    "lift-hold": Offer(
        LiftHold,
        "Lift the hold of a batch",
        "What is declared for the deadline applies again; where its moment has passed, at once.",
    ),
}


class VerbView(View, GenericAPIView[Batch]):
    """One verb on one batch."""

    needs = "sendouts.view_batch"
    queryset = BATCHES
    offer: ClassVar[Offer]

    def get_serializer_class(self) -> type[StopAsked]:
        return self.offer.serializer_class

    def post(self, request: Request, pk: int) -> Response:
        """Validate the parameters, carry out the verb, and return the updated batch."""
        user, asked = cast(User, request.user), self.get_serializer(data=request.data)
        try:
            # Check the permission before the parameters, so that a refused user learns nothing about these.
            base.check_permission(user, self.offer.verb.permission)
            asked.is_valid(raise_exception=True)
            given = asked.validated_data
            act = Act(user, given["revision"], given["note"], timezone.now())
            self.offer.made(pk, given).run(pk, act)
        except Batch.DoesNotExist as problem:
            raise Http404 from problem
        except NotDone as problem:
            revision = Batch.objects.filter(pk=pk).values_list("revision", flat=True).first()
            return errors.refusal(problem, revision)
        whole = BATCHES.get(pk=pk)
        answer = Response(WholeBatchSerializer(whole).data)
        if whole.running_change is not None:
            transaction.on_commit(partial(nudge, "changes", [whole.running_change.pk]))
        else:
            transaction.on_commit(partial(nudge, whole.lane, [pk]))
        return answer


def view_of(offer: Offer) -> Callable[..., HttpResponseBase]:
    """Return the view of one verb, with its schema from the table."""
    answers = dict.fromkeys((400, 401, 403, 404), errors.ErrorSerializer)
    said = extend_schema(
        summary=offer.summary,
        description=offer.text,
        responses={200: WholeBatchSerializer, **answers, 409: errors.ConflictSerializer},
    )
    view: type[VerbView] = type(f"{offer.verb.__name__}View", (VerbView,), {"offer": offer})
    return extend_schema_view(post=said)(view).as_view()
