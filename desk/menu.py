"""The side menu, limited to pages that the reader may see, with the number of waiting batches."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.batch.filters import waiting_count
from desk.find import may_find
from desk.operations.alarms import open_count
from desk.people.record import may_look as may_see_accounts

RECORD = "actions_accountrecord"


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the menu, in the form that Unfold takes."""
    badges = {"inbox": (waiting_count(request), "primary"), "notifications_active": (open_count(request), "danger")}
    groups: list[tuple[str, list[tuple[str, str, str]]]] = [
        (
            "",
            [
                ("sendouts_batch", _("Batches"), "inbox"),
                ("sendouts_webhook", _("Webhooks"), "webhook"),
                ("sendouts_alarm", _("Alarms"), "notifications_active"),
            ],
        ),
        (
            _("Set-up"),
            [
                ("actions_project", _("Projects"), "folder"),
                ("actions_sendout", _("Sendouts"), "outgoing_mail"),
                ("actions_actiondefinition", _("Actions"), "rule"),
                ("actions_codepool", _("Promo codes"), "sell"),
                ("actions_suppressionlist", _("Suppression lists"), "person_off"),
                ("sendouts_allowedhost", _("Allowed hosts"), "dns"),
                ("actions_credential", _("Credentials"), "lock"),
                ("sendouts_channel", _("Channels"), "campaign"),
            ],
        ),
        (
            _("Access"),
            [
                ("auth_user", _("Users"), "person"),
                ("auth_group", _("Groups"), "group"),
                ("sendouts_apitoken", _("API tokens"), "key"),
                (RECORD, _("Account history"), "history"),
                ("sendouts_message", _("Messages"), "outgoing_mail"),
            ],
        ),
    ]
    menu = []
    for title, entries in groups:
        items = [_item(*entry) for entry in entries if _may_look(request, entry[0])]
        if not title and may_find(request):
            items.insert(1, {"title": _("Find a contact"), "icon": "person_search", "link": reverse("find_contact")})
        for item in items:
            count, variant = badges.get(item["icon"], ("", ""))
            if count:
                item |= {"badge": count, "badge_variant": variant}
        if not title and _may_look(request, "sendouts_batch"):
            items.insert(0, {"title": _("Home"), "icon": "home", "link": reverse("admin:index"), "active": _is_home})
        if items:
            menu.append({"title": title, "separator": bool(title), "items": items})
    return menu


def _is_home(request: HttpRequest) -> bool:
    return request.path == reverse("admin:index")


def _item(model: str, title: str, icon: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{model}_changelist")}


def _may_look(request: HttpRequest, model: str) -> bool:
    if model == RECORD:
        return may_see_accounts(request)
    app, name = model.split("_", 1)
    return request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")
