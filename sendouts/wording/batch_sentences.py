"""Sentences for codes and numbers of a batch: why it is held, what stops it, what a reason means."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.contract import Word
from sendouts.models import Attention, Batch, Status
from sendouts.models.attention import AttentionData
from sendouts.models.decision import DecisionReason, RowProblem
from sendouts.models.hold_reason import UNUSUAL, HoldReason
from sendouts.models.webhook import HookProblem
from sendouts.wording.events import clock
from sendouts.wording.sentences import describe_backup, describe_refusal, show_text

# In these formats the place of a row is a line; in the others it is a position in a list.
_LINED = frozenset({"ndjson", "csv"})
_SECONDS, _MINUTES, _HOURS = timedelta(seconds=90), timedelta(minutes=90), timedelta(hours=48)


def number(value: float) -> str:
    """Return a number with the separators of the reader's language."""
    return str(localize(value))


def percent(share: float) -> str:
    """Return a share, given in percent, with one decimal, or none if it is insignificant."""
    if 0 < share < 0.1:
        return _("less than 0.1%%") % {}
    rounded = round(float(share), 1)
    return _("%(share)s%%") % {"share": number(int(rounded) if rounded.is_integer() else rounded)}


def contacts(value: int) -> str:
    return ngettext("%(n)s contact", "%(n)s contacts", value) % {"n": number(value)}


def quoted(names: Sequence[str]) -> str:
    return ", ".join(_("“%(name)s”") % {"name": name} for name in names)


def span(length: timedelta) -> str:
    """Return a duration, rounded for people."""
    seconds = max(0, int(length.total_seconds()))
    if length < _SECONDS:
        return _("%(seconds)s s") % {"seconds": seconds}
    if length < _MINUTES:
        return _("%(minutes)s min") % {"minutes": seconds // 60}
    if length < _HOURS:
        hours, minutes = divmod(seconds // 60, 60)
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": f"{minutes:02}"}
    return ngettext("%(days)s day", "%(days)s days", seconds // 86_400) % {"days": seconds // 86_400}


def time_of(moment: datetime, now: datetime) -> str:
    """Return a time for a sentence: the time of day, with the date if it is not today."""
    local = timezone.localtime(moment)
    if local.date() == timezone.localtime(now).date():
        return clock(moment)
    return _("%(time)s on %(date)s") % {"date": date_format(local, "j N Y"), "time": clock(moment)}


def column_time(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """Return a time for a table: digits and the zone, with the date if it is not today."""
    local = timezone.localtime(moment)
    day = "" if local.date() == timezone.localtime(now).date() else date_format(local, "j N Y") + " "
    return f"{day}{local.strftime('%H:%M:%S' if seconds else '%H:%M')} {local.tzname()}"


def label(codes: type[TextChoices], code: str, unknown: str = "") -> str:
    """Return the label of a code, or for an unknown one the given text, else the code itself."""
    return str(codes(code).label) if code in codes.values else unknown or code


def title(batch: Batch) -> str:
    """Return the display name of a batch: its sendout's name, else the journey's, else the project's."""
    return batch.sendout.name or batch.sendout.journey or batch.project.name or "–"


def holds(batch: Batch, codes: Sequence[str] | None = None) -> list[str]:
    """Return why a batch is in review: one sentence per code of `held_for`, or for the given codes."""
    return [_hold(batch, code) for code in (batch.held_for if codes is None else codes)]


def _hold(batch: Batch, code: str) -> str:
    if code == HoldReason.UNKNOWN_ACTION:
        names = [each["identifier"] for each in batch.plan.content["unknown"]]
        sentence = ngettext(
            "Nobody has defined the action %(names)s here, so nobody has checked what it asks for.",
            "Nobody has defined the actions %(names)s here, so nobody has checked what they ask for.",
            len(names),
        )
        return sentence % {"names": quoted(names)}
    if code == HoldReason.UNDECIDED:
        sentence = ngettext(
            "%(n)s contact could not be judged. You choose what becomes of it.",
            "%(n)s contacts could not be judged. You choose what becomes of them.",
            batch.undecided,
        )
        return sentence % {"n": number(batch.undecided)}
    if code == HoldReason.ACTION_FAILED:
        names = list(dict.fromkeys(each["identifier"] for each in batch.failures if each["became"] != Word.UNDECIDED))
        sentence = ngettext(
            "The action %(names)s failed, and its contacts were treated as its settings say.",
            "The actions %(names)s failed, and their contacts were treated as their settings say.",
            len(names),
        )
        return sentence % {"names": quoted(names)}
    if code in UNUSUAL:
        compared = [_anomaly(each) for each in batch.anomalies if each["code"] == code]
        return " ".join(compared) or str(HoldReason(code).label)
    if code == HoldReason.UNKNOWN_PROJECT:
        return _("The project %(name)s is not set up here.") % {"name": quoted([batch.project.name or "–"])}
    return label(HoldReason, code)


def _anomaly(data: dict[str, Any]) -> str:
    """Return one comparison with earlier batches as a sentence."""
    if data["code"] == HoldReason.UNUSUAL_SIZE:
        now, low, high = contacts(data["now"]), number(data["low"]), number(data["high"])
    else:
        now, low, high = (percent(100 * data[name]) for name in ("now", "low", "high"))
    values = {"now": now, "n": number(data["batches"]), "check": quoted([data["check"]]), "usual": low}
    if low != high:
        values["usual"] = _("%(low)s to %(high)s") % {"low": low, "high": high}
    text = {
        HoldReason.UNUSUAL_SHARE: _("%(now)s do not get it; the last %(n)s batches of this project had %(usual)s."),
        HoldReason.UNUSUAL_SIZE: _("It has %(now)s; the last %(n)s batches of this sendout had %(usual)s."),
        HoldReason.CHECK_NOBODY: _(
            "The check %(check)s rejected nobody; in the last %(n)s batches it rejected %(usual)s."
        ),
        HoldReason.CHECK_EVERYBODY: _(
            "The check %(check)s rejected everybody whom it saw; in the last %(n)s batches it rejected %(usual)s."
        ),
    }[data["code"]]
    return text % values


def attention(batch: Batch) -> str:
    """Return what stops a batch as a full sentence; empty if nothing does."""
    clause = trouble(batch)
    return f"{capfirst(clause)}." if clause else ""


def trouble(batch: Batch) -> str:
    """Return what stops a batch, as the end of a sentence: “… cannot go on: the contacts cannot be downloaded”."""
    clause = _trouble(batch)
    if clause and (batch.attention_data or {}).get("held"):
        return _("%(trouble)s; Symplify takes no calls at the moment") % {"trouble": clause}
    return clause


def _trouble(batch: Batch) -> str:
    data = cast(AttentionData, batch.attention_data or {})
    match batch.attention:
        case Attention.NO_DOWNLOAD if data.get("code") == "storage_away":
            return _("the gateway’s storage for contact files does not answer; it is tried again by itself")
        case Attention.NO_DOWNLOAD if data.get("expired"):
            return _("the link to the contact file has expired, Symplify answered with code %(status)s") % data
        case Attention.NO_DOWNLOAD if data.get("status") in {202, 204}:
            return _("the contact file is not ready yet, Symplify answered with code %(status)s") % data
        case Attention.NO_DOWNLOAD if data.get("status"):
            return _("the contacts cannot be downloaded, Symplify answered with code %(status)s") % data
        case Attention.NO_DOWNLOAD:
            return _("the contacts cannot be downloaded, Symplify did not answer")
        case Attention.HOST_NOT_LISTED:
            return _host(data)
        case Attention.NO_PROVEN_END:
            return _broken(data)
        case Attention.FILE_CHANGED:
            return _("the contact file was not the same at the second download")
        case Attention.UNREAD_ROWS:
            return _unread(data)
        case Attention.HOOK_UNCLEAR:
            return _hook(data)
        case Attention.SAME_FINISH:
            return _("another batch has the same release address, and one call would release both")
        case Attention.UNCONFIRMED:
            return _unconfirmed(data)
        case Attention.FINISH_UNCONFIRMED:
            return _release(data)
        case Attention.REFUSAL_STOPS:
            return describe_refusal(data)
        case Attention.SCREENING_FAILED:
            names = {"stage": label(Status, str(data.get("status", "")), "–")}
            return _("a step after “%(stage)s” failed several times; the log of the server says more") % names
        case Attention.EFFECT_FAILED:
            return _effect(data)
        case Attention.WORKER_DIED:
            deaths = {"stage": label(Status, str(data.get("status", "")), "–"), "n": number(data.get("deaths", 0))}
            return _("a step after “%(stage)s” ended its worker %(n)s times and got no further") % deaths
        case Attention.RESTORED:
            return describe_backup(data)
        case Attention.KEY_MISSING:
            return _(
                "its addresses are encrypted with a key that the gateway no longer has; whoever runs the gateway must "
                "put the old key back into ENCRYPTION_KEYS"
            )
    return str(batch.get_attention_display()) if batch.attention else ""


def _effect(data: AttentionData) -> str:
    rows = data.get("rows", 0)
    sentence = ngettext(
        "the action %(name)s failed for %(n)s accepted contact",
        "the action %(name)s failed for %(n)s accepted contacts",
        rows,
    ) % {"name": quoted([data.get("identifier") or "–"]), "n": number(rows)}
    if not data.get("text"):
        return sentence
    # The text of a kind ends with a full stop, but the clause is part of another sentence.
    return _("%(what)s: %(why)s") % {"what": sentence, "why": show_text(data["text"]).rstrip(".")}


def _host(data: AttentionData) -> str:
    host = {"host": data.get("host") or "–"}
    if rows := data.get("rows", 0):
        sentence = ngettext(
            "%(n)s contact has an address that may not be called: %(why)s",
            "%(n)s contacts have an address that may not be called: %(why)s",
            rows,
        )
        return sentence % {"n": number(rows), "why": _refused_host(data) % host}
    return _refused_host(data) % host


def _refused_host(data: AttentionData) -> str:
    return {
        "private_address": _("the address %(host)s leads into a private network, which is not allowed"),
        "scheme": _("the address %(host)s is not HTTPS"),
        "userinfo": _("the address of %(host)s carries a login, which is not allowed"),
        "bad_uri": _("an address of the hook cannot be read"),
        "relative": _("the address has no host"),
    }.get(data.get("code", ""), _("the host %(host)s is not on the list of allowed hosts"))


def _broken(data: AttentionData) -> str:
    at_once = {
        "cut": _("the contact file was cut off before its first row"),
        "bad_gzip": _("the contact file is damaged from its beginning, its compression cannot be read"),
        "bad_json": _("the contact file is damaged from its beginning, it is not JSON"),
    }
    if not data.get("rows") and data.get("code") in at_once:
        return at_once[data["code"]]
    why = {
        "cut": _("the contact file was cut off after %(rows)s rows"),
        "bad_gzip": _("the contact file is damaged after %(rows)s rows, its compression cannot be read"),
        "bad_json": _("the contact file is damaged after %(rows)s rows, the rest is not JSON"),
        "not_a_contact_file": _("what was downloaded is not a contact file"),
        "mostly_unread": _("most of the first %(rows)s rows of the contact file cannot be read, as in “%(example)s”"),
        "bad_zip": _("the contact file is a ZIP archive that is damaged or packed in an unusual way"),
        "zip_locked": _("the contact file is a ZIP archive with a password"),
        "zip_of_none": _("the contact file is a ZIP archive without a file"),
        "zip_of_several": _("the contact file is a ZIP archive with several files: %(names)s"),
        "too_big": _("the contact file unpacks to far more than it can hold"),
        "is_html": _("what was downloaded is a web page; ask whether the address needs a login"),
        "is_xml": _("what was downloaded is XML; ask for CSV or JSON"),
        "is_xlsx": _("what was downloaded is a spreadsheet (XLSX or ODS); ask for CSV or JSON"),
        "is_xls": _("what was downloaded is an old Office file (XLS); ask for CSV or JSON"),
        "is_pdf": _("what was downloaded is a PDF; ask for CSV or JSON"),
        "foreign_encoding": _("the contact file is compressed as %(names)s; ask for gzip or no compression"),
        "is_packed": _("what was downloaded is an archive that is not read here; ask for plain CSV or JSON, or gzip"),
        "is_binary": _("what was downloaded is not text; ask for CSV or JSON"),
        "is_json_text": _("what was downloaded is JSON inside of a text; ask for the JSON itself"),
        "no_columns": _("the contact file names no column for the id or the reject address in its first line"),
        "rows_missing": _("the contact file says that it has %(total)s contacts, and %(rows)s came"),
        "more_pages": _("the contact file has more pages after %(rows)s rows, and does not say where they are"),
        "two_arrays": _("the contact file holds several lists, and it is unclear which are the contacts"),
    }.get(data.get("code", ""), _("the contact file could not be read after %(rows)s rows"))
    said = {"example": data.get("example", ""), "names": ", ".join(data.get("names", ()))}
    return why % {**said, "rows": number(data.get("rows", 0)), "total": number(data.get("total", 0))}


def _unread(data: AttentionData) -> str:
    rows = data.get("rows", 0)
    place = {"place": number(data.get("place", 0))}
    where = (_("line %(place)s") if data.get("format") in _LINED else _("position %(place)s")) % place
    if data.get("page"):
        where = _("%(where)s of page %(page)s") % {"where": where, "page": number(data["page"])}
    why = show_text(data["text"]) if data.get("text") else label(RowProblem, data.get("code", ""))
    sentence = ngettext(
        "%(n)s row cannot be read, at %(where)s: %(why)s",
        "%(n)s rows cannot be read, the first at %(where)s: %(why)s",
        rows,
    )
    return sentence % {"n": number(rows), "where": where, "why": why}


def _hook(data: AttentionData) -> str:
    problems = [label(HookProblem, code) for code in data.get("problems", [])]
    if not problems:
        return _("the hook contradicts itself or misses something")
    return _("the hook is unclear, %(problems)s") % {"problems": ", ".join(problems)}


def _unconfirmed(data: AttentionData) -> str:
    rows, host = data.get("rows", 0), data.get("host", "")
    if host:
        sentence = ngettext(
            "%(n)s rejection is not confirmed, the host %(host)s may not be called",
            "%(n)s rejections are not confirmed, the host %(host)s may not be called",
            rows,
        )
    elif data.get("shared"):
        sentence = ngettext(
            "%(n)s rejection is not confirmed, since its address is shared with a contact that is accepted",
            "%(n)s rejections are not confirmed, since their address is shared with contacts that are accepted",
            rows,
        )
    elif data.get("said_no"):
        sentence = ngettext(
            "%(n)s rejection is not confirmed, Symplify’s answer looks like a success but says that it failed",
            "%(n)s rejections are not confirmed, Symplify’s answers look like a success but say that they failed",
            rows,
        )
    else:
        sentence = ngettext("%(n)s rejection is not confirmed", "%(n)s rejections are not confirmed", rows)
    return sentence % {"n": number(rows), "host": host}


def _release(data: AttentionData) -> str:
    if data.get("host"):
        return _("the release was not called, the host %(host)s may not be called") % {"host": data["host"]}
    if data.get("held") and not data.get("lost") and not data.get("status"):
        return _("the release was not called yet")
    if data.get("lost"):
        return _("the release was called, but its answer was lost; the messages may have gone out")
    if data.get("said_no"):
        return _(
            "the release is not confirmed, Symplify’s answer looks like a success (code %(status)s) but says that it "
            "failed"
        ) % {"status": data.get("status", 0)}
    return _("the release is not confirmed, Symplify answered with code %(status)s") % {"status": data.get("status", 0)}


def reason(code: str, text: str) -> str:
    """Return the reason of one contact's decision: its sentence, else the meaning of its code."""
    if text:
        return show_text(text)
    if code in RowProblem.values:
        return _("Unreadable: %(problem)s") % {"problem": label(RowProblem, code)}
    return label(DecisionReason, code)
