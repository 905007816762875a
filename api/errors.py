"""Error responses of the API: always a code for programs and a sentence for people."""

from typing import Any

from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from sendouts.verbs.base import NotDone, NotDoneCode

CONFLICTS = frozenset(
    {
        *(NotDoneCode.MOVED_ON, NotDoneCode.CHANGED, NotDoneCode.CHANGING, NotDoneCode.RELEASED),
        *(NotDoneCode.SECOND_PERSON, NotDoneCode.OTHER_CHOICE),
    }
)


class ErrorSerializer(serializers.Serializer[Any]):
    """Why something was not done."""

    code = serializers.CharField(help_text="A code for programs.")
    error = serializers.CharField(help_text="A sentence for people, in the language of Accept-Language.")
    problems = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="With the code `invalid`: what is wrong with each field or parameter.",
    )


REFUSALS = dict.fromkeys((400, 401, 403, 404), ErrorSerializer)


class ConflictSerializer(serializers.Serializer[Any]):
    """The batch has changed since it was read; nothing was done."""

    code = serializers.ChoiceField(choices=sorted(CONFLICTS))
    error = serializers.CharField()
    revision = serializers.IntegerField(help_text="The revision that the batch has now.")


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Convert the framework's errors into the API's form; an unknown error remains a server error."""
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        sentences = [f"{name}: {' '.join(map(str, texts))}" for name, texts in response.data.items()]
        response.data = {"code": "invalid", "error": " ".join(sentences), "problems": response.data}
    else:
        detail = response.data["detail"]
        response.data = {"code": detail.code, "error": str(detail)}
    return response


def refusal(problem: NotDone, revision: int | None) -> Response:
    """Answer that a verb was not carried out. revision: the batch's current revision, if known."""
    body: dict[str, Any] = {"code": problem.code, "error": str(problem)}
    if problem.code in CONFLICTS:
        return Response(body | {"revision": revision}, status.HTTP_409_CONFLICT)
    if problem.code == NotDoneCode.NOT_ALLOWED:
        return Response(body, status.HTTP_403_FORBIDDEN)
    return Response(body, status.HTTP_400_BAD_REQUEST)
