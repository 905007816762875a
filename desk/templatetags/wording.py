"""Filters that write values in the reader's language. Numbers need none: templates localize them.

A moment takes the present as its argument, to leave the date out if it is today: `{{ batch.deadline|time_of:now }}`.
"""

from datetime import timedelta
from math import ceil

from django.template import Library
from django.utils.translation import gettext as _

from desk.batch.parts import figures
from sendouts.wording import batch_sentences
from sendouts.wording.batch_sentences import number, span
from sendouts.wording.sentences import show_text

register = Library()
register.filter("batch_title", batch_sentences.title)
register.filter("clock", batch_sentences.clock)
register.filter("column_time", batch_sentences.column_time)
register.filter("contacts", batch_sentences.contacts)
register.filter("percent", batch_sentences.percent)
register.filter("quoted", batch_sentences.quoted)
register.filter("reason", batch_sentences.reason)
register.filter("show_text", show_text)
register.filter("share", figures.percent)
register.filter("span", batch_sentences.span)
register.filter("time_of", batch_sentences.time_of)


@register.filter
def capped(count: int, most: int) -> str:
    """Write a count that the database stopped at `most`."""
    return number(count) + ("+" if count >= most else "")


@register.filter
def short(value: float) -> str:
    """Write a number for the scale of a chart; thousands and millions are shortened."""
    for size, text in ((1_000_000, _("%(n)sM")), (1_000, _("%(n)sk"))):
        if value >= size:
            rounded = round(value / size, 1)
            return text % {"n": number(int(rounded) if rounded.is_integer() else rounded)}
    return number(int(value))


@register.filter
def exact_span(length: timedelta) -> str:
    """Write a length of time, to the second if it is short."""
    seconds = ceil(length.total_seconds())
    if seconds < 60 or seconds >= 600:
        return span(timedelta(seconds=seconds))
    minutes, rest = divmod(seconds, 60)
    if not rest:
        return span(timedelta(minutes=minutes)) if minutes > 1 else _("%(minutes)s min") % {"minutes": 1}
    return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": f"{rest:02}"}
