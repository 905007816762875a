"""Endpoints for reading projects, batches, decisions and events."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from actions import access
from actions.models import Project
from api.base import NewestFirst, OldestFirst, View
from api.parameters import After, BatchesAsked, DecisionsAsked
from api.serializers import (
    BatchSerializer,
    DecisionSerializer,
    EventSerializer,
    ProjectSerializer,
    WholeBatchSerializer,
)
from sendouts.models import Batch, Decision, Event, Status
from sendouts.models.batch import OPEN
from sendouts.models.decision import rows_of
from sendouts.verbs import base

# Name the open statuses too, so that the index of open batches finds the few open rows.
WAITING = Q(status__in=OPEN) & (Q(status=Status.IN_REVIEW) | ~Q(attention=""))
# The platform's URLs are secret and long, so do not load them.
BATCHES = Batch.objects.select_related("project", "sendout", "plan", "first_accepted_by").defer(
    "finish_uri", "download_uri"
)


class Projects(View, ListAPIView[Project]):
    """The projects, oldest first."""

    needs = ("actions.view_project",)
    project = "pk"
    parameters = After
    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    pagination_class = OldestFirst


class OneProject(View, RetrieveAPIView[Project]):
    """One project and its policies."""

    needs = ("actions.view_project",)
    project = "pk"
    queryset = Project.objects.all()
    serializer_class = ProjectSerializer


class Batches(View, ListAPIView[Batch]):
    """The batches, newest first."""

    parameters = BatchesAsked
    queryset = BATCHES.defer("reasons")
    serializer_class = BatchSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Batch]:
        found = super().get_queryset()
        for name in ("status", "project", "attention"):
            if name in self.asked:
                found = found.filter(**{name: self.asked[name]})
        if "waiting" in self.asked:
            found = found.filter(WAITING if self.asked["waiting"] else ~WAITING)
        return found


class OneBatch(View, RetrieveAPIView[Batch]):
    """One batch with its plan, its numbers and the reasons why it is held."""

    queryset = BATCHES
    serializer_class = WholeBatchSerializer


class Decisions(View, ListAPIView[Decision]):
    """The decisions on the contacts of a batch, in the order of its file or hook."""

    parameters = DecisionsAsked
    queryset = Decision.objects.select_related("decided_by").only(
        "contact_id", "verdict", "unread", "reason", "text", "action", "evidence_at", "answer", "decided_by__username"
    )
    serializer_class = DecisionSerializer
    pagination_class = OldestFirst

    def get_serializer_context(self) -> dict[str, Any]:
        sees = self.request.user.has_perm(base.VIEW_CONTACTS)
        return {**super().get_serializer_context(), "sees_contacts": sees}

    def get_queryset(self) -> QuerySet[Decision]:
        # A decision has no foreign key to its batch: the reader may see it if they may see the batch.
        found = self.queryset.filter(rows_of(existing(self.kwargs["pk"], self.request)))
        return found.filter(verdict=self.asked["verdict"]) if "verdict" in self.asked else found


class Events(View, ListAPIView[Event]):
    """What happened to a batch, oldest first."""

    project = "batch__project"
    parameters = After
    queryset = Event.objects.select_related("user")
    serializer_class = EventSerializer
    pagination_class = OldestFirst

    def get_queryset(self) -> QuerySet[Event]:
        return super().get_queryset().filter(batch=existing(self.kwargs["pk"], self.request))


def existing(batch_id: int, request: Request) -> int:
    """Return the id of a batch that the reader may see. Raises Http404: an empty page must not hide an unknown id."""
    if not Batch.objects.filter(access.within(request.user), pk=batch_id).exists():
        raise Http404
    return batch_id


class Schema(SpectacularAPIView):
    """The OpenAPI schema, always in English, since client programs are generated from it."""

    permission_classes = [IsAuthenticated]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with translation.override("en"):
            return super().get(request, *args, **kwargs)


class Docs(SpectacularSwaggerSplitView):
    """The schema as a page for trial calls; its script is a separate file, so that the page needs none inline."""

    permission_classes = [IsAuthenticated]
