"""The description of the API for programs and, as a page, for people; both only for those who are logged in."""

from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response


class Schema(SpectacularAPIView):
    """The OpenAPI schema, in English whatever the reader's language: programs are made from it."""

    permission_classes = [IsAuthenticated]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with translation.override("en"):
            return super().get(request, *args, **kwargs)


class Docs(SpectacularSwaggerSplitView):
    """The schema as a page on which calls can be tried; its script comes apart, so that the page needs none inline."""

    permission_classes = [IsAuthenticated]
