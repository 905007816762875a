"""Sentences for people about uploads and faulty lines."""

from collections.abc import Iterable
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _

from actions.columns import in_own_quotes
from actions.spreadsheet import MANGLED
from actions.suppression.models import SuppressionUpload

Status, Error = SuppressionUpload.Status, SuppressionUpload.Error


def problem(code: str) -> str:
    """Return what is wrong with one line."""
    if code in MANGLED:
        return _(MANGLED[code].template)
    return {
        "contact_id": _("there is no contact id"),
        "email": _("this is no e-mail address"),
        "phone": _("this is no phone number with its country"),
        "date": _("the date is not written like 2027-01-31"),
        "quotes": _("a quotation mark is missing"),
        "text": _("it holds characters that are no text"),
        "columns": _("it has more columns than the first line"),
        "separator": _("“|” separates no columns here: use a comma, a semicolon or a tab"),
        "wildcard": _("“*” stands for nothing here: only whole addresses can be on a list"),
    }.get(code, code)


def lines(found: Iterable[tuple[int, str]]) -> list[str]:
    """Return the lines that could not be read, without repeating their content."""
    return [
        _("Line %(number)s: %(problem)s.") % {"number": localize(number), "problem": problem(code)}
        for number, code in found
    ]


def state(upload: SuppressionUpload) -> dict[str, Any]:
    """Return the progress of an upload, for the page and for its script."""
    figures = ("rows", "added", "extended", "there", "unreadable")
    return {
        "over": upload.status in {Status.DONE, Status.FAILED},
        "percent": 100 if upload.status == Status.DONE else upload.read * 100 // max(1, upload.size),
        "sentence": sentence(upload),
        "figures": {name: str(localize(getattr(upload, name))) for name in figures},
    }


def sentence(upload: SuppressionUpload) -> str:
    """Return the current state or the result of an upload."""
    if upload.status == Status.FAILED:
        sentence = str(upload.get_error_display())
        return (
            sentence % {"columns": in_own_quotes(upload.columns)} if upload.error == Error.CHOOSE_COLUMN else sentence
        )
    if upload.status == Status.RECEIVING:
        return _("The file is being sent.")
    if upload.status == Status.RECEIVED:
        return _("The file is being read. You may leave this page; it goes on.")
    if upload.unreadable:
        return _("The file is read. Lines that could not be read are not on the list.")
    return _("The file is read.")
