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
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors
from api.base import View
from api.parameters import ChangeAsked, StopAsked, VerbAsked
from api.serializers import WholeBatchSerializer
from api.views import BATCHES
from sendouts import verbs
from sendouts.models import Batch, DecisionVerdict
from sendouts.verbs import base
from sendouts.verbs.base import Act, NotDone, Verb
from sendouts.verbs.change_many import Which
from work.nudges import nudge

Asked = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A verb as programs see it. make: builds the verb from batch id and parameters, if it has any of its own."""

    verb: type[Verb[Any]]
    summary: str
    text: str
    serializer_class: type[StopAsked] = StopAsked
    make: Callable[[int, Asked], Verb[Any]] | None = None


def _accept(_batch_id: int, asked: Asked) -> Verb[Any]:
    return verbs.Accept(asked["undecided"], asked["take_on"])


def _change(batch_id: int, asked: Asked) -> Verb[Any]:
    verdict = DecisionVerdict(asked["verdict"])
    if "rows" in asked:
        return verbs.ChangeDecisions([(batch_id << 32) + row for row in asked["rows"]], verdict)
    alike = asked["alike"]
    reason = (alike["code"], alike["action"]) if "code" in alike else None
    return verbs.ChangeAlike(Which(DecisionVerdict(alike["verdict"]), reason), verdict)


# By the last part of the path.
OFFERS: Mapping[str, Offer] = {
    "accept": Offer(
        verbs.Accept,
        "Accept a held batch",
        "The gateway rejects the rejected contacts one by one, then releases the others.\n\n"
        "Where two people must accept, the first acceptance is only recorded. The batch stays `in_review`, with\n"
        "`first_acceptance`, until another user accepts as well.",
        VerbAsked,
        _accept,
    ),
    "reject": Offer(
        verbs.Reject,
        "Reject a held batch",
        "The gateway rejects every contact one by one, then finishes the batch, so that no contact times out.",
        VerbAsked,
    ),
    "take-back": Offer(
        verbs.TakeBack,
        "Take back your first acceptance",
        "Only the person who accepted first can do this, and only until a second person accepts.",
    ),
    "undo": Offer(
        verbs.StopRelease,
        "Stop a batch before its release",
        "An accepted or rejected batch returns to review. Rejections that were sent before stay.",
    ),
    "change": Offer(
        verbs.ChangeDecisions,
        "Change decisions of a held batch",
        "Change single rows, or all decisions that are alike. A large change takes time: `change` of the batch shows "
        "its progress.",
        ChangeAsked,
        _change,
    ),
    "cancel-change": Offer(
        verbs.CancelChange, "Cancel a change of many decisions", "Decisions that were changed before stay changed."
    ),
    "hold": Offer(
        verbs.PutOnHold,
        "Put a held batch on hold",
        "The gateway does nothing at the deadline until the hold is lifted. People can still decide on the batch.",
    ),
    "lift-hold": Offer(
        verbs.LiftHold,
        "Lift the hold of a batch",
        "The declared action at the deadline applies again. If its moment has passed, it happens at once.",
    ),
    "allow-host": Offer(
        verbs.AllowHost,
        "Allow the hosts for which a batch waits",
        "The `hosts_to_allow` of the batch are put on the list of allowed hosts, for every sendout. Then the batch is\n"
        "screened from the start; people's decisions are kept. Requires the permission to add allowed hosts as well.",
    ),
}


class VerbView(View):
    """One verb on one batch."""

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
            verb = self.offer.make(pk, given) if self.offer.make is not None else self.offer.verb()
            verb.run(pk, act)
        except Batch.DoesNotExist as problem:
            raise Http404 from problem
        except NotDone as problem:
            revision = Batch.objects.filter(pk=pk).values_list("revision", flat=True).first()
            return errors.refusal(problem, revision)
        whole = BATCHES.get(pk=pk)
        change = whole.running_change
        lane, row = (whole.lane, pk) if change is None else ("changes", change.pk)
        transaction.on_commit(partial(nudge, lane, [row]))
        return Response(WholeBatchSerializer(whole).data)


def view_of(offer: Offer) -> Callable[..., HttpResponseBase]:
    """Return the view of one verb, with its schema from the table."""
    schema = extend_schema(
        summary=offer.summary,
        description=offer.text,
        responses={200: WholeBatchSerializer, **errors.REFUSALS, 409: errors.ConflictSerializer},
    )
    view: type[VerbView] = type(f"{offer.verb.__name__}View", (VerbView,), {"offer": offer})
    return extend_schema_view(post=schema)(view).as_view()
