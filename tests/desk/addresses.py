"""Every address that Django answers, read from the resolver, with sample rows behind each."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern, URLPattern, URLResolver
from django.utils import timezone

from actions.models import ActionDefinition, CodePool, Credential, Project, SuppressionList
from actions.suppression import receive
from api.models import ApiToken
from notices.models import Alarm, Channel, Code, Message
from sendouts.models import AllowedHost, Batch
from tests.factories import batch, webhook

# What forms need in order to be valid; a name that one of them does not know does no harm.
FORMS: dict[str, Any] = {
    "post": "yes",
    "note": "because",
    "revision": "1",
    "undecided": "accept",
    "user": "1",
    "name": "evil",
    "username": "evil",
    "identifier": "evil",
    "values": "evil",
    "value": "A-1",
    "kind": "bearer",
    "secret": "x",
    "entry": "evil.example.com",
    "use": "platform",
    "review": "never",
    "at_deadline": "accept",
    "answer_within": "60 min",
    "keep_contacts": "all",
    "holds": "email",
    "size": "9",
    "low": "0",
    "file_name": "evil.csv",
    "source": "upload",
    "ask_for": "1",
}


def patterns(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Every pattern, whole: what a path must look like, with the names of its arguments."""
    for each in (resolver or get_resolver()).url_patterns:
        text = before + _text(each)
        if isinstance(each, URLResolver):
            yield from patterns(each, text)
        else:
            yield text


def _text(found: URLPattern | URLResolver) -> str:
    text = str(found.pattern)
    return text if isinstance(found.pattern, RoutePattern) else text.removeprefix("^").removesuffix("$")


def rows() -> Mapping[str, Any]:
    """One row of everything that has a page, by the part of the address that names its model."""
    now = timezone.now()
    made = batch(accepted=2, rejected=2, undecided=2)
    project = Project.objects.get()
    credential = Credential.objects.create(name="consent", secret="a-stored-secret")
    channel = Channel.objects.create(name="chat", url="https://chat.example.com/hook")
    host = AllowedHost.objects.create(entry=".example.com")
    listed = SuppressionList.objects.create(name="Opposition")
    sender = User.objects.create_user("sender")
    upload = receive.begin(listed, by=sender.pk, file_name="list.csv", size=9)
    token = ApiToken(user=User.objects.create_user("program"))
    token.draw()
    token.save()
    return {
        "actions/project": project,
        "actions/sendout": project.sendouts.get(),
        "actions/actiondefinition": ActionDefinition.objects.create(project=project, identifier="x", kind="field_rule"),
        "actions/codepool": CodePool.objects.create(name="summer"),
        "actions/credential": credential,
        "actions/suppressionlist": listed,
        "upload": upload,
        "auth/user": User.objects.create_user("colleague"),
        "auth/group": Group.objects.create(name="Editors"),
        "sendouts/alarm": Alarm.objects.create(code=Code.BEAT_SILENT, opened_at=now, last_seen_at=now),
        "sendouts/apitoken": token,
        "sendouts/allowedhost": host,
        "sendouts/batch": made,
        "sendouts/channel": channel,
        "sendouts/message": Message.objects.create(
            batch=made, sendout=made.sendout, occasion="waiting", channel=channel, due_at=now
        ),
        "sendouts/webhook": webhook("planned", batch=made),
    }


def path_of(pattern: str, samples: Mapping[str, Any]) -> str:
    """A path that matches the pattern and leads to a sample."""
    found = re.match(r"admin/(\w+/\w+)/", pattern)
    row = samples.get(found[1]) if found else None
    key = str(row.pk) if row is not None else "1"
    batch_of: Batch = samples["sendouts/batch"]
    past = str(row.history.latest().history_id) if row is not None and hasattr(row, "history") else "1"
    values = {
        r"([^/]+)/history/([^/]+)/": f"{key}/history/{past}/",
        "<path:object_id>": key,
        "<id>": key,
        "<int:batch_id>": str(batch_of.pk),
        "<int:webhook_id>": key,
        "<int:row>": "0",
        "<int:definition_id>": key,
        "<int:credential_id>": key,
        "<int:list_id>": key,
        "<int:version_id>": past,
        "<int:project_id>": key,
        "<int:channel_id>": key,
        "<int:sendout_id>": key if row is not None else str(batch_of.sendout_id),
        "<int:upload_id>": str(samples["upload"].pk),
        "<slug:to>": "accept",
        "<slug:step>": "accept",
        "<uuid:key>": "00000000-0000-4000-8000-000000000000",
        "<path:content_type_id>": "1",
        "(?P<url>.*)": "nothing/here",
    }
    path = pattern
    for name, value in values.items():
        path = path.replace(name, value)
    path = re.sub(r"\(\?P<app_label>(\w+)[^)]*\)", r"\1", path)
    if pattern.startswith("api/projects/"):
        path = path.replace("<int:pk>", str(samples["actions/project"].pk))
    return "/" + path.replace("<int:pk>", str(batch_of.pk))
