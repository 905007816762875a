"""What BEHIND_TLS changes, in a process of its own, since settings are read once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.databases import copy_file
from tests.servers import common_environment

ROOT = Path(__file__).resolve().parent.parent.parent
ASK = """
import json
from django.conf import settings
from django.test import Client
def told(path, **more):
    answer = Client(HTTP_HOST="gateway.example.com").get(path, **more)
    return {"status": answer.status_code, "headers": dict(answer.headers),
            "cookies": {name: dict(morsel.items()) for name, morsel in answer.cookies.items()}}
print(json.dumps({
    "login": told("/admin/login/", secure=True), "plain": told("/admin/login/"),
    "live": told("/health/live"), "other": told("/admin/login/", secure=True, headers={"host": "evil.example.com"}),
    "forwarded": told("/admin/login/", headers={"X-Forwarded-Proto": "https"}),
    "session": [settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY,
                settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN],
}))
"""


def asked(folder: Path, **environment: str) -> Any:
    wanted = {**os.environ, **common_environment(folder), "DATABASE_URL": "", "CELERY_BROKER_URL": ""}
    more = {"ALLOWED_HOSTS": "gateway.example.com", "BASE_URL": "https://gateway.example.com", **environment}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", ASK]
    for name in ("DATABASE_URL", "CELERY_BROKER_URL"):
        del wanted[name]
    # Without its tables the gateway shows no page.
    copy_file(folder / "gateway.sqlite3")
    done = subprocess.run(command, cwd=ROOT, env=wanted | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_behind_tls_cookies_are_bound_to_this_host_and_pages_are_redirected(tmp_path: Path) -> None:
    told = asked(tmp_path, BEHIND_TLS="1")
    assert told["session"] == ["__Host-sessionid", True, True, "Lax", "/", None]
    (csrf,) = told["login"]["cookies"].items()
    assert csrf[0] == "__Host-csrftoken"
    assert (csrf[1]["secure"], csrf[1]["httponly"], csrf[1]["samesite"], csrf[1]["path"]) == (True, True, "Lax", "/")
    assert csrf[1]["domain"] == ""
    assert told["login"]["headers"]["Strict-Transport-Security"] == "max-age=31536000"
    plain = told["plain"]
    assert (plain["status"], plain["headers"]["Location"]) == (301, "https://gateway.example.com/admin/login/")
    assert (told["live"]["status"], told["forwarded"]["status"]) == (200, 200)
    assert told["other"]["status"] == 400, "a name that nobody allowed"


def test_without_tls_a_login_is_possible_and_a_forged_header_means_nothing(tmp_path: Path) -> None:
    told = asked(tmp_path, BASE_URL="http://gateway.example.com")
    assert told["session"] == ["sessionid", False, True, "Lax", "/", None]
    assert told["plain"]["status"] == 200
    assert told["plain"]["cookies"]["csrftoken"]["secure"] == ""
    assert "Strict-Transport-Security" not in told["forwarded"]["headers"]
