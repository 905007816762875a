"""Who may look, and what all views of the API share."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.functional import cached_property
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from api import errors
from api.fields import StrictSerializer


class MayLook(BasePermission):
    """Only those who may see such rows at all; what they may decide is checked by the stage that does it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(view, View) and request.user.is_authenticated and request.user.has_perm(view.needs)


class View(APIView):
    """What all views share: a permission that they name, errors of one form, parameters that are checked."""

    permission_classes = [MayLook]
    needs: ClassVar[str]
    parameters: ClassVar[type[StrictSerializer]] = StrictSerializer

    def get_exception_handler(self) -> Callable[..., Any]:
        return errors.handle

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The parameters of the request, read and checked."""
        asked = self.parameters(data=self.request.query_params.dict())
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)
