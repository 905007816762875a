"""Everything goes wrong at the highest level of detail, and the logs still hold no secret, no URI and nobody's data."""

import json
import re
import sqlite3
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests
from django.contrib.auth.models import User
from django.core.management import call_command

from actions.models import Credential
from sendouts.privacy.sealing import of_decision, of_download, of_finish
from simulator.client import Simulator
from simulator.platform.rows import CITIES
from tests.acceptance.deployment import Deployment, deployment, wait_until
from tests.servers import TEST_AUTH

PASSWORD = "a-password-that-is-typed"
STORED_SECRET = "a-secret-that-managers-store"
SERVICE_SECRET = "a-secret-of-the-environment"
# A row that the database refuses: its error names the values, on PostgreSQL the line of the COPY too.
POISON = "A-000007"
REFUSE = {
    "embedded": f"CREATE TRIGGER poison BEFORE INSERT ON sendouts_decision WHEN NEW.contact_id = '{POISON}' "
    f"BEGIN SELECT RAISE(ABORT, 'DETAIL: Failing row contains ({POISON}, c000007@example.com)'); END",
    "processes": f"ALTER TABLE sendouts_decision ADD CONSTRAINT poison CHECK (contact_id <> '{POISON}') NOT VALID",
}
ASKS = """
projects:
  - name: Asks
    keep: {contacts: all, fields: [email, properties.city]}
    actions:
      - {identifier: ask, kind: consent_check, run: always,
         config: {url: "http://127.0.0.1:9/check/hidden-path?key=hidden-key", credential: consent}}
  - name: Keeps
    keep: {contacts: all, fields: [email, properties.city]}
    actions:
      - {identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}}}
"""


def execute(gateway: Deployment, mode: str, statement: str) -> None:
    if mode == "processes":
        with psycopg.connect(gateway.environment["DATABASE_URL"]) as connection:
            connection.execute(statement.encode())
    else:
        with sqlite3.connect(gateway.environment["DATABASE_URL"].removeprefix("sqlite:///"), timeout=20) as connection:
            connection.execute(statement)


def knock(gateway: Deployment, token: str) -> set[str]:
    """Wrong and right logins, wrong and right calls; returns the secrets that travelled."""
    base = f"http://127.0.0.1:{gateway.port}"
    browser = requests.Session()
    form = {"username": "root", "next": "/admin/?contact=A-000001"}
    for password in ("wrong-password-typed", PASSWORD):
        page = browser.get(f"{base}/admin/login/", timeout=10)
        csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert csrf is not None
        browser.post(
            f"{base}/admin/login/", data={**form, "password": password, "csrfmiddlewaretoken": csrf[1]}, timeout=10
        )
    travelled = {value for value in browser.cookies.values() if len(value) > 8}
    assert len(travelled) >= 2
    for path in ("/admin/sendouts/batch/1/change/?contact=A-000001", "/admin/nothing/A-000001", "/api/nothing/"):
        browser.get(base + path, timeout=10)
    for given in (token, "sendgate_wrong-token-of-a-program", "Töken"):
        headers = {"Authorization": f"Token {given}".encode()}
        requests.get(f"{base}/api/batches/?status=nothing", headers=headers, timeout=10)
        requests.post(f"{base}/api/batches/1/accept/", data=b"\xff{", headers=headers, timeout=10)
    for user, password in (("hook", "wrong-password-of-the-hook"), TEST_AUTH.split(":")):
        requests.post(
            gateway.hook_url, data=b"no json http://127.0.0.1/finish/hidden-token", auth=(user, password), timeout=10
        )
    return travelled | {"wrong-password-typed", "wrong-password-of-the-hook", "sendgate_wrong-token-of-a-program"}


def make_it_fail(gateway: Deployment, platform: Simulator, mode: str) -> None:
    """Calls, files and rows that fail in every way that the stages meet."""
    spec = {"journey": "W", "actions": ["consent-check"]}
    platform.faults(
        [
            {"kind": "reset_before", "on": "reject", "share": 0.2, "times": 1},
            {"kind": "reset_after", "on": "finish", "times": 1},
            {"kind": "status", "on": "reject", "status": 500, "share": 0.2, "times": 1},
            {"kind": "hang", "on": "download", "times": 1, "total": 1},
            {"kind": "cut", "times": 1, "total": 2},
            {
                "kind": "redirect",
                "on": "download",
                "times": 1,
                "total": 1,
                "location": "http://127.0.0.1/elsewhere/hidden",
            },
        ]
    )
    for number in range(4):
        platform.create("batch", project="Keeps", sendout=f"Faulty {number}", contacts=300, **spec)
    platform.create("single", project="Keeps", sendout="Singles", hooks=20, item_fields=True, **spec)
    platform.create("batch", project="Asks", sendout="Asks", contacts=20, **spec)
    rows = [
        {"contactId": "A-000001", "email": "c000001@example.com", "city": "Lyon\u0000"},
        {"contactId": ""},
        {"_raw": "{broken"},
    ]
    platform.create("batch", project="Keeps", sendout="Poisoned", rows=rows, **spec)
    wait_until(
        lambda: gateway.rows("SELECT count(*) FROM sendouts_decision WHERE length(uri) > 0")[0][0] > 600,
        60,
        "the faulty ones go on",
        gateway.tail,
    )
    execute(gateway, mode, REFUSE[mode])
    platform.create("batch", project="Keeps", sendout="Refused by the database", contacts=50, **spec)
    wait_until(
        lambda: gateway.rows("SELECT count(*) FROM sendouts_batch WHERE attention = 'screening_failed'")[0][0],
        60,
        "the database refuses the rows",
        gateway.tail,
    )


def forbidden(gateway: Deployment, token: str) -> dict[str, set[str]]:
    """What the log may hold nowhere, with what it is."""
    unseal = gateway.keys().open
    uris = {unseal(uri, of_decision(pk)) for pk, uri in gateway.rows("SELECT id, uri FROM sendouts_decision")}
    for key, finish, download in gateway.rows("SELECT delivery_key, finish_uri, download_uri FROM sendouts_batch"):
        uris |= {unseal(finish, of_finish(key)), unseal(download, of_download(key))}
    paths = {urlsplit(uri.decode()).path for uri in uris if uri}
    assert len(paths) > 500
    environment = gateway.environment
    return {
        "secret": {
            TEST_AUTH.partition(":")[2],
            environment["SECRET_KEY"],
            token,
            PASSWORD,
            STORED_SECRET,
            SERVICE_SECRET,
            environment["ENCRYPTION_KEYS"],
        },
        "path of a URI": paths | {path.rpartition("/")[2] for path in paths},
        "hidden part": {"hidden", "/finish/", "/cancel/", "/reject/", "/contacts/"},
        "contact": {f"A-{number:06d}" for number in range(1, 301)},
        "person": {"@example.com", "root@"},
        "field": set(CITIES) | {json.dumps(city).strip('"') for city in CITIES},
    }


def create() -> str:
    """Create a person, a token of theirs, which is returned, and a stored secret. Runs beside the gateway."""
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    Credential.objects.create(name="x", secret=STORED_SECRET)
    out = StringIO()
    call_command("create_token", "root", stdout=out)
    return out.getvalue().strip()


def test_a_run_in_which_everything_fails_logs_no_secret_no_uri_and_nobodys_data(tmp_path: Path, mode: str) -> None:
    key = "cZ4lYlSYjOEbCJDBwVmKn2z4b1pQ6Kz9L6P4rJ0cWqE="
    more: dict[str, Any] = {
        "LOG_LEVEL": "DEBUG",
        "LOG_JSON": "1",
        "ENCRYPTION_KEYS": key,
        "CREDENTIAL_CONSENT": f"bearer:{SERVICE_SECRET}",
    }
    with deployment(tmp_path, mode, **more) as (gateway, platform):
        gateway.apply(ASKS)
        token = gateway.inside(create)
        make_it_fail(gateway, platform, mode)
        travelled = knock(gateway, token)
        wait_until(lambda: "hook_not_authenticated" in gateway.log.read_text(), 10, "the log is written", gateway.tail)
        found = forbidden(gateway, token)
        found["travelled"] = travelled
        gateway.stop()
    said = gateway.log.read_text()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any("exception" in line for line in lines), "nothing failed: the test proves nothing"
    words = {line["event"] for line in lines}
    assert {"hook_not_authenticated", "api_token_refused"} <= words
    leaked = {(what, text) for what, texts in found.items() for text in texts if text and text in said}
    assert leaked == set()
