"""Shared parts of kinds that write contacts: the URL, and sequential writing."""

from collections.abc import Mapping, Sequence

from pydantic_core import PydanticCustomError

from actions.catalog.contact_update.platform_api import ID_COLUMN, ContactsApi, fits_an_import
from actions.catalog.shared.http import Declined, url_in_form
from actions.contract import Context, Retryable
from actions.effect import DONE, Applied, failed, later

# Codes that concern one contact; any other refusal concerns all contacts.
_THIS_ONE = frozenset({400, 404, 409, 410, 422})
# After this many failures in a row the rest of a page waits for a later pass.
_IN_A_ROW = 3


def url_of(value: str) -> str:
    """Return the checked URL of a configuration; the model handles an empty one."""
    return url_in_form(value) if value else value


def property_name(value: str) -> str:
    if not fits_an_import(value) or value == ID_COLUMN:
        raise PydanticCustomError("property", "This cannot be the name of a property.")
    return value


def write_each(api: ContactsApi, contacts: Sequence[tuple[str, Mapping[str, str]]], context: Context) -> list[Applied]:
    """Write contacts sequentially; raise Permanent for an error that concerns all of them.

    A pause requested by 429 or Retry-After applies to the rest of the page too.
    """
    answers: list[Applied] = []
    in_a_row = 0
    pause: Applied | None = None
    for contact_id, properties in contacts:
        if pause is not None:
            answers.append(pause)
            continue
        try:
            api.update(context, contact_id, properties)
        except Retryable as error:
            in_a_row += 1
            answers.append(later(error.text, error.retry_after or 0.0))
            if error.retry_after or in_a_row >= _IN_A_ROW or context.time_left() <= 0:
                pause = answers[-1]
        except Declined as error:
            if error.status not in _THIS_ONE:
                raise
            in_a_row = 0
            answers.append(failed(error.text))
        else:
            in_a_row = 0
            answers.append(DONE)
    return answers
