"""What programs may decide: they accept, reject, hold, change and stop a batch through the functions that the screens use."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors
from api.access import View
from api.parameters import ChangeAsked, HoldAsked, StopAsked, VerbAsked
from api.serializers import WholeBatchSerializer
from api.views import BATCHES
from sendouts.models import Batch, Verdict
from sendouts.verbs import accept, base, change, change_many, hold, second_person, stop
from sendouts.verbs import reject as reject_verb
from sendouts.verbs.base import NotDone
from sendouts.verbs.change_many import Which
from work.nudges import nudge

ANSWERS = {
    200: WholeBatchSerializer,
    400: errors.ErrorSerializer,
    401: errors.ErrorSerializer,
    403: errors.ErrorSerializer,
    404: errors.ErrorSerializer,
    409: errors.ConflictSerializer,
}


class Verb(View, GenericAPIView[Batch], ABC):
    """One verb on one batch."""

    needs = "sendouts.view_batch"
    queryset = BATCHES
    serializer_class: type[StopAsked] = VerbAsked

    @abstractmethod
    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        """Carry the verb out; raises NotDone."""

    def answer(self, request: Request, batch_id: int) -> Response:
        """Read what is asked, have it done, and answer with the batch as it is then."""
        asked = self.get_serializer(data=request.data)
        try:
            # Who may not decide is told so first, whatever they sent.
            base.check_permission(cast(User, request.user), base.REVIEW)
            asked.is_valid(raise_exception=True)
            batch = self.act(batch_id, cast(User, request.user), asked.validated_data)
        except Batch.DoesNotExist as problem:
            raise Http404 from problem
        except NotDone as problem:
            revision = Batch.objects.filter(pk=batch_id).values_list("revision", flat=True).first()
            return errors.refusal(problem, revision)
        whole = BATCHES.get(pk=batch.pk)
        answer = Response(WholeBatchSerializer(whole).data)
        if whole.running_change is not None:
            transaction.on_commit(partial(nudge, "changes", [whole.running_change.pk]))
        else:
            transaction.on_commit(partial(nudge, batch.lane, [batch.pk]))
        return answer


class Accept(Verb):
    @extend_schema(summary="Accept a held batch", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """The rejected contacts are rejected one by one, then the rest is released.

        Where two people must accept, the first acceptance is recorded: the answer is then still `in_review`, with
        `first_acceptance`, until another user accepts as well.
        """
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return accept.accept(batch_id, user=user, now=timezone.now(), **asked)


class Reject(Verb):
    @extend_schema(summary="Reject a held batch whole", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """Every contact is rejected one by one, then the batch is finished, so that nobody times out."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return reject_verb.refuse(
            batch_id, user=user, revision=asked["revision"], note=asked["note"], now=timezone.now()
        )


class TakeBack(Verb):
    serializer_class = StopAsked

    @extend_schema(summary="Take one's own first acceptance back", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """Only while a second person is waited for; whoever accepted first takes it back."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return second_person.take_back(batch_id, user=user, now=timezone.now(), **asked)


class Undo(Verb):
    serializer_class = StopAsked

    @extend_schema(summary="Stop a batch before its release", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """An accepted or rejected batch waits for review again; what was sent by then stays rejected."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return stop.undo(batch_id, user=user, now=timezone.now(), **asked)


class Hold(Verb):
    serializer_class = HoldAsked

    @extend_schema(summary="Put a held batch on hold", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """Nothing happens to this batch by itself at the deadline until the hold is lifted; people still decide on it."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return hold.hold(batch_id, user=user, now=timezone.now(), **asked)


class LiftHold(Verb):
    serializer_class = StopAsked

    @extend_schema(summary="Lift the hold of a batch", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """What is declared for the deadline applies again; where its moment has passed, at once."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return hold.lift(batch_id, user=user, now=timezone.now(), **asked)


class Change(Verb):
    serializer_class = ChangeAsked

    @extend_schema(summary="Change decisions of a held batch", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """Single rows, or all that are alike. Many are changed piece by piece: `change` of the batch says how far that is."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        given = {"user": user, "revision": asked["revision"], "note": asked["note"], "now": timezone.now()}
        verdict = Verdict(asked["verdict"])
        if "rows" in asked:
            change.change(batch_id, [(batch_id << 32) + row for row in asked["rows"]], verdict, **given)
        else:
            alike = asked["alike"]
            reason = (alike["code"], alike["action"]) if "code" in alike else None
            change_many.begin(batch_id, Which(Verdict(alike["verdict"]), reason), verdict, **given)
        return Batch.objects.only("source").get(pk=batch_id)


class CancelChange(Verb):
    serializer_class = StopAsked

    @extend_schema(summary="Cancel a change of many decisions", responses=ANSWERS)
    def post(self, request: Request, pk: int) -> Response:
        """What was changed by then stays."""
        return self.answer(request, pk)

    def act(self, batch_id: int, user: User, asked: Mapping[str, Any]) -> Batch:
        return change_many.cancel(batch_id, user=user, now=timezone.now(), **asked).batch
