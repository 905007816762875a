"""Every address, for every role, by GET and by POST: a new one without a line here fails, and looking changes nothing.

Each line: a pattern, what GET answers and what a POST without content answers, for each of ROLES in that order. `same`
stands for a POST that answers as GET does.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.desk.addresses import FORMS, path_of, patterns, rows
from tests.factories import client_of, everything

pytestmark = pytest.mark.django_db
ROLES = ("anonymous", "staff", "Viewer", "Reviewer", "Manager", "Administrator")

NOBODY = "302 403 403 403 403 403"
LOOK = "302 403 200 200 200 200"
REVIEW = "302 403 403 200 200 200"
MANAGE = "302 403 403 403 200 200"
ADMINISTER = "302 403 403 403 403 200"
STAFF = "302 200 200 200 200 200"
READ_ONLY = "302 403 405 405 405 405"
# Not for anybody by POST; asked without a login leads to the login, as every page of the admin does.
NO_POST = "302 405 405 405 405 405"
LEADS_ON = "302 302 302 302 302 302"
OPEN = "200 200 200 200 200 200"
MISSING = "302 404 404 404 404 404"
API = "401 403 200 200 200 200"
API_POST = "401 403 405 405 405 405"
API_VERB = "401 403 403 400 400 400"
API_CONTACTS = "401 403 403 405 405 405"
API_CONTACTS_POST = "401 403 403 200 200 200"
API_PAGE = "401 200 200 200 200 200"
API_NO_POST = "401 405 405 405 405 405"

TABLE = {
    "": (LEADS_ON, "same"),
    "admin/": (STAFF, "same"),
    "admin/(?P<app_label>sendouts|actions|auth)/": ("302 404 200 200 200 200", "same"),
    "admin/(?P<url>.*)": (MISSING, "same"),
    "admin/autocomplete/": (NOBODY, NO_POST),
    "admin/jsi18n/": (STAFF, NO_POST),
    # Everybody chooses for themselves.
    "admin/me/notices/": (STAFF, LEADS_ON),
    "admin/login/": ("200 302 302 302 302 302", OPEN),
    "admin/password_change/": (STAFF, "same"),
    "admin/password_change/done/": (STAFF, NO_POST),
    "admin/r/<path:content_type_id>/<path:object_id>/": (MISSING, "same"),
    "admin/search/": (STAFF, "same"),
    "admin/desk/closure-seen/": (NO_POST, "302 403 403 302 302 302"),
    "admin/desk/live/": (LOOK, NO_POST),
    "admin/desk/reasons.csv": (LOOK, NO_POST),
    "admin/desk/singles/<int:sendout_id>/": (LOOK, NO_POST),
    "admin/desk/singles/<int:sendout_id>/accept/": (REVIEW, "same"),
    "admin/desk/singles/<int:sendout_id>/refuse/": (REVIEW, "same"),
    "admin/desk/spacing.csv": (LOOK, NO_POST),
    "admin/desk/ways.csv": (LOOK, NO_POST),
    "admin/actions/suppressionlist/<int:list_id>/entries/add/": (MANAGE, "same"),
    # A question is asked by POST, so that no log holds it; it changes nothing.
    "admin/actions/suppressionlist/<int:list_id>/entries/find/": (REVIEW, "same"),
    "admin/actions/suppressionlist/<int:list_id>/entries/remove/": (
        "302 403 403 403 405 405",
        "302 403 403 403 302 302",
    ),
    "admin/actions/suppressionlist/<int:list_id>/upload/": (MANAGE, "same"),
    "admin/actions/suppressionlist/uploads/<int:upload_id>/": (LOOK, "same"),
    "admin/actions/suppressionlist/uploads/<int:upload_id>/piece/": (
        # Only who announced a file sends it.
        "302 403 403 403 405 405",
        "302 403 403 403 404 404",
    ),
    "admin/actions/suppressionlist/uploads/<int:upload_id>/state/": (LOOK, "same"),
    # What the verbs lead to is checked line by line; a verb that is not possible now, or lacks its rows, says so.
    **{
        f"admin/sendouts/batch/<int:batch_id>/{verb}/": answers
        for verbs, answers in (
            ("accept contacts/<int:row>/<slug:to> give-up hold refuse run-again", (REVIEW, "same")),
            ("lift-hold many/<slug:to> cancel-change retry", (REVIEW, "302 403 403 409 409 409")),
            ("send-again take-back undo use-file", (REVIEW, "302 403 403 409 409 409")),
            ("allow-host go-without take-on whole-file", (MANAGE, "302 403 403 403 409 409")),
        )
        for verb in verbs.split()
    },
    # Only a person without the permission asks, and this server sends no mail.
    "admin/sendouts/batch/<int:batch_id>/ask/<slug:step>/": ("302 403 200 403 403 403", "302 403 409 403 403 403"),
    # The sample batch waits for no file.
    "admin/sendouts/batch/<int:batch_id>/file/": (REVIEW, "302 403 403 409 409 409"),
    "admin/sendouts/batch/<int:batch_id>/file/piece/": ("302 403 403 405 405 405", "302 403 403 400 400 400"),
    "admin/sendouts/batch/<int:batch_id>/file/state/": (REVIEW, "same"),
    "admin/me/": ("302 200 200 200 200 200", LEADS_ON),
    "admin/sendouts/batch/<int:batch_id>/live/": (LOOK, READ_ONLY),
    "admin/sendouts/webhook/<int:webhook_id>/again/": (REVIEW, "302 403 403 409 409 409"),
    "admin/find-contact/": (REVIEW, "same"),
    "admin/batches/<int:batch_id>/export/": (REVIEW, "same"),
    # Told to whoever began the download.
    "admin/batches/<int:batch_id>/export/<uuid:key>/": (REVIEW, "same"),
    "api/": (LEADS_ON, "same"),
    "api/batches/": (API, API_POST),
    "api/batches/<int:pk>/": (API, API_POST),
    **{
        f"api/batches/<int:pk>/{verb}/": (API_POST, API_VERB)
        for verb in ["accept", "cancel-change", "change", "hold", "lift-hold", "reject", "take-back", "undo"]
    },
    "api/batches/<int:pk>/allow-host/": (API_POST, "401 403 403 403 400 400"),
    "api/batches/<int:pk>/decisions/": (API, API_POST),
    "api/batches/<int:pk>/events/": (API, API_POST),
    "api/batches/<int:pk>/export/": (API_CONTACTS, API_CONTACTS_POST),
    "api/contacts/find/": (API_CONTACTS, "401 403 403 400 400 400"),
    "api/docs/": (API_PAGE, API_NO_POST),
    "api/projects/": (API, API_POST),
    "api/projects/<int:pk>/": (API, API_POST),
    "api/schema/": (API_PAGE, API_NO_POST),
    "health/live": (OPEN, "same"),
    "health/ready": (OPEN, "same"),
    "i18n/setlang/": (LEADS_ON, "same"),
    # No token is set here, and without one the page does not exist.
    "metrics": ("404 404 404 404 404 404", "same"),
}
# The pages of each model, by what is done there: the list, adding, changing, deleting, the history.
PAGES = {"": 0, "add/": 1, "<path:object_id>/change/": 2, "<path:object_id>/delete/": 3, "<path:object_id>/history/": 4}
CONFIGURED = (LOOK, MANAGE, (LOOK, MANAGE), NOBODY, LOOK)
PEOPLE = (ADMINISTER,) * 5
MODELS: Mapping[str, Any] = {
    "actions/project": CONFIGURED,
    # A sendout may have no name of its own: nothing on its page has to be filled in.
    "actions/sendout": (LOOK, MANAGE, (LOOK, "302 403 403 403 302 302"), NOBODY, LOOK),
    "actions/actiondefinition": CONFIGURED,
    "actions/codepool": CONFIGURED,
    "actions/credential": (MANAGE,) * 5,
    # Nothing on its page has to be filled in.
    "actions/suppressionlist": (LOOK, MANAGE, (LOOK, "302 403 403 403 302 302"), NOBODY, LOOK),
    "auth/group": PEOPLE,
    "auth/user": PEOPLE,
    "sendouts/alarm": (LOOK, NOBODY, (LOOK, NOBODY), NOBODY, LOOK),
    "sendouts/allowedhost": (LOOK, MANAGE, (LOOK, MANAGE), MANAGE, LOOK),
    # A token is never changed: its page shows whose it is.
    "sendouts/apitoken": (ADMINISTER, ADMINISTER, (ADMINISTER, NOBODY), ADMINISTER, ADMINISTER),
    "sendouts/channel": (MANAGE,) * 5,
    "sendouts/message": (ADMINISTER, NOBODY, (ADMINISTER, NOBODY), NOBODY, ADMINISTER),
    "sendouts/batch": (LOOK, NOBODY, (LOOK, READ_ONLY), NOBODY, LEADS_ON),
    "sendouts/webhook": (LOOK, NOBODY, (LOOK, NOBODY), NOBODY, LOOK),
}
# A former state is looked at by who may edit the row, since it shows addresses whole; nobody writes through it.
FORMER = {
    f"actions/{model}": (MANAGE, "302 403 403 403 405 405")
    for model in ("project", "sendout", "actiondefinition", "credential", "codepool")
} | {f"sendouts/{model}": (MANAGE, "302 403 403 403 405 405") for model in ("allowedhost", "channel")}
# Leads to a form that has its own line.
MORE = {
    "admin/actions/accountrecord/": (ADMINISTER, "same"),
    "admin/actions/codepool/<path:object_id>/add-codes/": (MANAGE, "same"),
    "admin/actions/project/<int:project_id>/plan/": (LOOK, "same"),
    "admin/actions/sendout/<int:sendout_id>/plan/": (LOOK, "same"),
    "admin/actions/project/<path:object_id>/order/": ("302 403 403 403 405 405", "302 403 403 403 302 302"),
    "admin/actions/sendout/<path:object_id>/order/": ("302 403 403 403 405 405", "302 403 403 403 302 302"),
    "admin/actions/project/<path:object_id>/declare/": ("302 403 403 403 405 405", "302 403 403 403 302 302"),
    "admin/actions/project/<path:object_id>/lift-rule/": ("302 403 403 403 405 405", "302 403 403 403 302 302"),
    # The only version that the sample has is the present one.
    **{
        f"admin/actions/{model}/<path:object_id>/history/<int:version_id>/bring-back/": (
            MANAGE,
            "302 403 403 403 409 409",
        )
        for model in ("project", "sendout", "actiondefinition")
    },
    "admin/actions/project/<path:object_id>/add-action/": (LEADS_ON, "same"),
    "admin/actions/sendout/<path:object_id>/add-action/": (LEADS_ON, "same"),
    "admin/actions/actiondefinition/<path:object_id>/test-it/": ("302 403 403 403 302 302", "same"),
    "admin/actions/credential/<path:object_id>/test-it/": ("302 403 403 403 302 302", "same"),
    "admin/actions/actiondefinition/<int:definition_id>/test/": (MANAGE, "same"),
    "admin/actions/actiondefinition/<int:definition_id>/rehearse/": (MANAGE, "same"),
    # A definition that is not stored yet is in the form that is posted.
    "admin/actions/actiondefinition/rehearse/": ("302 403 403 403 405 405", "same"),
    "admin/actions/project/<int:project_id>/rehearse/": (MANAGE, "same"),
    "admin/actions/project/<path:object_id>/try-it/": ("302 403 403 403 302 302", "same"),
    "admin/actions/credential/<int:credential_id>/test/": (MANAGE, "same"),
    "admin/actions/actiondefinition/preview/": (NO_POST, MANAGE),
    "admin/actions/actiondefinition/<int:definition_id>/preview/": (NO_POST, MANAGE),
    "admin/sendouts/channel/<path:object_id>/try-it/": ("302 403 403 403 302 302", "same"),
    "admin/sendouts/channel/<int:channel_id>/test/": (MANAGE, "same"),
    "admin/auth/user/<id>/password/": (ADMINISTER, "same"),
}
# Ends the session of whoever asks: tested by itself.
APART = {"admin/logout/"}
# What people set for themselves, whatever they may do otherwise.
OWN = {"admin/me/", "admin/me/notices/"}


def expected() -> dict[str, tuple[str, str]]:
    found = {**TABLE, **MORE}
    for model, answers in MODELS.items():
        for page, place in PAGES.items():
            answer = answers[place]
            found[f"admin/{model}/{page}"] = answer if isinstance(answer, tuple) else (answer, "same")
        found[f"admin/{model}/<path:object_id>/"] = (LEADS_ON, "same")
    for model, answer in FORMER.items():
        found[f"admin/{model}/([^/]+)/history/([^/]+)/"] = answer
    return found


@pytest.fixture
def samples() -> Mapping[str, Any]:
    return rows()


def clients() -> Iterator[tuple[str, Client]]:
    for role in ROLES:
        yield role, Client() if role == "anonymous" else client_of(role)


def asked(client: Client, method: str, pattern: str, path: str) -> int:
    if method == "GET":
        return int(client.get(path).status_code)
    if pattern.startswith("api/"):
        return int(client.post(path, json.dumps({}), content_type="application/json").status_code)
    return int(client.post(path).status_code)


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    there = set(patterns()) - APART
    assert sorted(there - set(expected())) == [], "addresses without a line in this file"
    assert sorted(set(expected()) - there) == [], "lines without an address"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_role_gets_what_its_line_says(samples: Mapping[str, Any], method: str) -> None:
    known = list(clients())
    before, wrong = everything(), []
    for pattern, (get, post) in expected().items():
        wanted = get if method == "GET" or post == "same" else post
        path = path_of(pattern, samples)
        found = " ".join(str(asked(client, method, pattern, path)) for _role, client in known)
        if found != wanted:
            wrong.append(f"{method} {path}: {found}, not {wanted}")
    assert wrong == []
    assert method == "POST" or everything() == before, "looking changes nothing"


def test_who_is_refused_has_changed_nothing(samples: Mapping[str, Any]) -> None:
    known = [(role, client) for role, client in clients() if role in {"anonymous", "staff", "Viewer"}]
    before = everything()
    for pattern in set(expected()) - OWN:
        path = path_of(pattern, samples)
        for _role, client in known:
            if pattern.startswith("api/"):
                client.post(path, json.dumps({"revision": 1}), content_type="application/json")
            else:
                client.post(path, FORMS)
    assert everything() == before


def test_the_csrf_token_is_asked_of_everybody(samples: Mapping[str, Any]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root"))
    before = everything()
    for pattern in (*expected(), *APART):
        if not pattern.startswith(("health/", "api/")) and pattern not in {"", "i18n/setlang/"}:
            assert strict.post(path_of(pattern, samples), {"post": "yes"}).status_code in {403, 405, 302}, pattern
    assert everything() == before


def test_who_logs_out_is_out() -> None:
    client = client_of("Viewer")
    assert client.get("/admin/logout/").status_code == 405
    assert client.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert client.get("/admin/").status_code == 302
