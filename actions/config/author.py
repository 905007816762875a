"""The author of a change in the history of a row."""

from typing import Any

from django.contrib.auth.models import User


def sign(row: Any, user: User) -> None:
    """Name the user as the author of the next change of a row, also outside their request, in its history."""
    row._history_user = user
