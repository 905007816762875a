"""Whoever is limited to some projects meets no other one: at any address, by any name, number, list, choice or verb.

Walks every address that there is. An address of a row is expected to be missing; what is everybody's stands in SHARED.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import Client

from actions.access import Reach
from actions.models import ActionDefinition, CodePool, Project, Sendout, SuppressionList
from actions.suppression.models import SuppressionUpload
from api.models import ApiToken
from notices.models import Alarm, Code
from sendouts.models import Batch, Decision, Event, Plan, Webhook
from tests.desk.addresses import FORMS, path_of, patterns, rows
from tests.factories import batch, everything, plan, sendout

pytestmark = pytest.mark.django_db
# No word of these may reach whoever does not see the project; each is found nowhere else.
MARKERS = (
    *("Zanzibar", "Quagga", "Okapi", "Nilgai", "Kudu", "Bongo"),
    *("Ibex", "Oryx", "Gnu-check", "Eland", "Saiga", "Gerenuk"),
)
# What no project owns: everybody with the permission may look, and only people without a limit write.
SHARED = ("admin/sendouts/allowedhost/", "admin/actions/credential/")
# Answers without a row of its own behind it, or for oneself.
NO_ROW = ("admin/r/", "admin/(?P<url>", "i18n/")
# Answers that read no question.
OF_NOTHING = (
    "admin/jsi18n/",
    "admin/login/",
    "admin/password_change/",
    "api/docs/",
    "api/schema/",
    "health/",
    "metrics",
)
# Asked of lists, searches and forms: what might find something that the reader does not see.
OF_FORMS = ("?project={project}", "?sendout={sendout}", "?kind=field_rule", "?kind=suppression")
OF_ADMIN = ("?q=Zanz&show=all", "?show=all", "?q=plain-0", "?all=", "?project__id__exact={project}")
OF_OTHERS = ("?project={project}", "?sendout={sendout}", "?contact=plain-0", "?s=Zanz", "?q=Zanz&show=all")
OF_CHOICES = (
    "?app_label=actions&model_name=sendout&field_name=project&term=Zan",
    "?app_label=actions&model_name=actiondefinition&field_name=sendout&term=Qua",
    "?app_label=actions&model_name=codepool&field_name=project&term=Zan",
)


@pytest.fixture
def beyond() -> Mapping[str, Any]:
    """One row of everything, of a project full of words that are found nowhere else."""
    samples = rows()
    made: Batch = samples["sendouts/batch"]
    Project.objects.filter(pk=made.project_id).update(name="Zanzibar", keep_fields=["Gerenuk"])
    Sendout.objects.filter(pk=made.sendout_id).update(name="Quagga", journey="Okapi", expect_every=timedelta(days=1))
    decisions = Decision.objects.all()
    decisions.update(contact_id=Concat(Value("Nilgai-"), F("id") - made.first_decision), kept={"Bongo": "Bongo"})
    # Searched for by its whole id, which the page repeats: what else it then tells is looked at.
    decisions.filter(pk=made.first_decision).update(contact_id="plain-0")
    decisions.exclude(text="").update(text="Kudu")
    reasons = [[verdict, code, "Kudu", action, n] for verdict, code, _text, action, n in made.reasons]
    plan = json.loads(json.dumps(made.plan.content).replace("consent-check", "Gnu-check"))
    Plan.objects.filter(pk=made.plan_id).update(content=plan)
    Batch.objects.filter(pk=made.pk).update(reasons=reasons)
    Event.objects.create(batch=made, at=made.received_at, word="changed", note="Eland", data={})
    Webhook.objects.update(detail="Saiga")
    ActionDefinition.objects.update(identifier="Gnu-check")
    for model, name in ((SuppressionList, "Ibex"), (CodePool, "Oryx")):
        model.objects.update(project=made.project_id, name=name)
    SuppressionUpload.objects.update(file_name="Ibex.csv")
    # Former states tell as much as the present one.
    for row in (
        *Project.objects.all(),
        *Sendout.objects.all(),
        *ActionDefinition.objects.all(),
        *CodePool.objects.all(),
    ):
        row.save()
    times = {"opened_at": made.received_at, "last_seen_at": made.received_at}
    silent = {"project": "Zanzibar", "sendout": "Quagga", "every": 60, "last": None}
    Alarm.objects.create(code=Code.SENDOUT_SILENT, subject=str(made.sendout_id), data=silent, **times)
    stuck = {"batch": made.pk, "attention": "no_download", "deadline": made.deadline.isoformat()}
    alarm = Alarm.objects.create(code=Code.ATTENTION, subject=str(made.pk), data=stuck, **times)
    return {**samples, "sendouts/alarm": alarm, "sendouts/webhook": Webhook.objects.get()}


@pytest.fixture
def own(beyond: Mapping[str, Any]) -> Batch:
    return batch(accepted=1, rejected=1, sendout=sendout("Own", "Own journey", "Own day"), plan=plan())


def allowed(name: str) -> User:
    """Somebody who may do everything, and is no superuser."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def limited(own: Batch) -> Client:
    user = allowed("limited")
    Reach.objects.create(user=user).projects.add(own.project)
    return logged_in(user)


@pytest.fixture
def unlimited(own: Batch) -> Client:
    return logged_in(allowed("unlimited"))


def addresses(samples: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for pattern in sorted(set(patterns())):
        if pattern != "admin/logout/":
            yield pattern, path_of(pattern, samples)


def has_row(pattern: str) -> bool:
    """Whether an address names a row that belongs to a project."""
    named = "<" in pattern or "([^/]+)" in pattern
    return named and not pattern.startswith((*SHARED, *NO_ROW)) and "app_label" not in pattern


def questions(pattern: str) -> tuple[str, ...]:
    """What an address is asked beside nothing; the page of a row is asked nothing more."""
    if has_row(pattern) or pattern.startswith((*SHARED, *NO_ROW, *OF_NOTHING)):
        return ()
    if "autocomplete" in pattern:
        return OF_CHOICES
    if pattern.endswith("/add/"):
        return OF_FORMS
    return OF_ADMIN if re.fullmatch(r"admin/\w+/\w+/", pattern) else OF_OTHERS


def seen(client: Client, path: str, *, follow: bool = False) -> tuple[int, str]:
    response = client.get(path, follow=follow)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, body.decode(errors="replace")


def test_no_address_of_another_project_is_there(beyond: Mapping[str, Any], limited: Client, unlimited: Client) -> None:
    wrong, found = [], 0
    for pattern, path in addresses(beyond):
        if not has_row(pattern):
            continue
        status, _text = seen(limited, path, follow=True)
        # 405: an address for POST alone, which the other test tries. 403: nobody's to look at, or only for people without a limit.
        if status not in {403, 404, 405}:
            wrong.append(f"{path}: {status}")
        found += status == 404 and found <= 20 and seen(unlimited, path)[0] == 200
    assert not wrong, "\n".join(wrong)
    assert found > 20, "the addresses lead to rows that others see"


def test_no_answer_tells_of_another_project(
    beyond: Mapping[str, Any], limited: Client, unlimited: Client, own: Batch
) -> None:
    ids = {"project": beyond["actions/project"].pk, "sendout": beyond["actions/sendout"].pk}
    mine = {**beyond, "sendouts/batch": own, "actions/project": own.project, "actions/sendout": own.sendout}
    asked = {path for samples in (beyond, mine) for _pattern, path in addresses(samples)}
    for pattern, path in addresses(mine):
        asked |= {path + query.format(**ids) for query in questions(pattern)}
    told, known, own_seen = [], set(), 0
    for address in sorted(asked):
        _status, text = seen(limited, address)
        told += [f"{address}: {marker}" for marker in MARKERS if marker in text]
        own_seen += "Own day" in text
    for _pattern, path in addresses(beyond):
        if known != set(MARKERS):
            known |= {marker for marker in MARKERS if marker in seen(unlimited, path)[1]}
    assert not told, "\n".join(told)
    assert own_seen > 10
    assert known == set(MARKERS), "each of these words is shown to somebody"


def test_nothing_can_be_done_to_another_project(beyond: Mapping[str, Any], limited: Client) -> None:
    made: Batch = beyond["sendouts/batch"]
    marked = {"action": "delete_selected", "_selected_action": made.pk, "user": made.pk}
    full = FORMS | marked | {"revision": made.revision, "project": made.project_id, "sendout": made.sendout_id}
    before, wrong = everything(), []
    for pattern, path in addresses(beyond):
        # What somebody sets for themselves is nobody's project.
        if pattern.startswith(("admin/password_change", "admin/me/", "i18n/")):
            continue
        if pattern.startswith("api/"):
            limited.post(path, json.dumps({"revision": made.revision}), content_type="application/json")
            continue
        answer = limited.post(path, full)
        if has_row(pattern) and answer.status_code not in {302, 403, 404, 405}:
            wrong.append(f"{path}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert everything() == before


def test_a_program_sees_what_its_user_sees(beyond: Mapping[str, Any], limited: Client, own: Batch) -> None:
    token = ApiToken(user=User.objects.get(username="limited"))
    text = token.draw()
    token.save()
    program = Client(headers={"Authorization": f"Token {text}"})
    listed = program.get("/api/batches/").json()["results"]
    assert [row["id"] for row in listed] == [own.pk]
    assert [row["name"] for row in program.get("/api/projects/").json()["results"]] == ["Own"]
    made: Batch = beyond["sendouts/batch"]
    for path in ("", "decisions/", "events/"):
        assert program.get(f"/api/batches/{made.pk}/{path}").status_code == 404
        assert program.get(f"/api/batches/{own.pk}/{path}").status_code == 200
    body = json.dumps({"revision": made.revision})
    for verb in ("accept", "reject", "undo"):
        answer = program.post(f"/api/batches/{made.pk}/{verb}/", body, content_type="application/json")
        assert answer.status_code == 404 and answer.json()["code"] == "not_found"


def test_figures_count_only_what_is_seen(limited: Client, unlimited: Client) -> None:
    def badges(client: Client) -> dict[str, Any]:
        groups = client.get("/admin/sendouts/batch/").context["sidebar_navigation"]
        return {item["title"]: item.get("badge") for group in groups for item in group["items"]}

    assert (badges(limited)["Batches"], badges(unlimited)["Batches"]) == ("1", "2")
    # The periodic tasks are everybody's; the sendout and the batch are not.
    assert (badges(limited)["Alarms"], badges(unlimited)["Alarms"]) == (1, 3)


def test_an_empty_limit_shows_nothing(own: Batch) -> None:
    user = allowed("nobody")
    Reach.objects.create(user=user)
    client = logged_in(user)
    assert seen(client, f"/admin/sendouts/batch/{own.pk}/change/")[0] == 404
    assert "Own day" not in seen(client, "/admin/sendouts/batch/?show=all")[1]


def test_a_superuser_is_never_limited(own: Batch) -> None:
    root = User.objects.create_superuser("root")
    Reach.objects.create(user=root)
    assert seen(logged_in(root), f"/admin/sendouts/batch/{own.pk}/change/")[0] == 200


def test_nothing_is_set_up_for_a_project_that_is_not_seen_or_for_all(
    beyond: Mapping[str, Any], limited: Client, own: Batch
) -> None:
    theirs, other_sendout = beyond["actions/project"].pk, beyond["actions/sendout"].pk
    rule = {
        "identifier": "evil",
        "run": "asked",
        "on_failure": "hold",
        "position": "0",
        "config__field": "a",
        "config__reject_if__operator": "equals",
        "config__reject_if": "1",
        "config__if_missing": "hold",
        "config__reason": "No",
    }
    pool = {"name": "evil", "source": "upload", "low": "0", "ask_for": "1"}
    listed = {"name": "evil", "holds": "email"}
    day = {"journey": "evil", "name": "evil", "actions-TOTAL_FORMS": "0", "actions-INITIAL_FORMS": "0"}
    add = "/admin/actions/{}/add/"
    for place in ({"project": theirs}, {"sendout": other_sendout}):
        assert limited.post(add.format("actiondefinition") + "?kind=field_rule", {**rule, **place}).status_code == 200
    for model, given in (("codepool", pool), ("suppressionlist", listed)):
        for place in ({}, {"project": theirs}):
            assert limited.post(add.format(model), {**given, **place}).status_code == 200, (model, place)
    answer = limited.post(add.format("sendout"), {**day, "project": theirs})
    assert answer.status_code == 200
    named = (
        ActionDefinition.objects.filter(identifier="evil"),
        *(m.objects.filter(name="evil") for m in (CodePool, SuppressionList, Sendout)),
    )
    assert not any(rows.exists() for rows in named)
    # The same for their own project is done.
    mine = {"project": own.project_id}
    assert limited.post(add.format("actiondefinition") + "?kind=field_rule", {**rule, **mine}).status_code == 302
    assert limited.post(add.format("codepool"), {**pool, **mine}).status_code == 302
    assert limited.post(add.format("suppressionlist"), {**listed, **mine}).status_code == 302
    assert limited.post(add.format("sendout"), {**day, **mine}).status_code == 302


def test_what_all_projects_share_is_looked_at_and_not_written(limited: Client, own: Batch) -> None:
    pool = CodePool.objects.create(name="shared pool")
    listed = SuppressionList.objects.create(name="shared list")
    for model, row in (("codepool", pool), ("suppressionlist", listed)):
        page = f"/admin/actions/{model}/{row.pk}/change/"
        assert limited.get(page).status_code == 200
        assert limited.post(page, {"name": "evil", "project": own.project_id}).status_code == 403
    assert limited.post(f"/admin/actions/codepool/{pool.pk}/add-codes/", {"pasted": "X-1"}).status_code == 403
    for verb in ("upload", "entries/add", "entries/remove"):
        assert (
            limited.post(f"/admin/actions/suppressionlist/{listed.pk}/{verb}/", {"values": "a@b.c"}).status_code == 403
        )
    assert limited.get(f"/admin/actions/suppressionlist/{listed.pk}/entries/find/").status_code == 200
