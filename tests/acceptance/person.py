"""A person with a browser, whose pages all query the database."""

from typing import Any

import requests
from django.contrib.auth.models import User

from tests.acceptance.deployment import Deployment

NAME, PASSWORD = "ada", "secret-of-ada"


def create() -> None:
    """Create an account that may do everything. Runs beside the gateway."""
    User.objects.create_superuser(NAME, f"{NAME}@example.com", PASSWORD)


class Person:
    """One session. Every answer comes within `within` seconds, or the test fails."""

    def __init__(self, gateway: Deployment, within: float) -> None:
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = "en"
        self._root = f"http://127.0.0.1:{gateway.port}"
        self._within = within

    def logs_in(self) -> requests.Response:
        page = self._root + "/admin/login/"
        self._session.get(page, timeout=self._within)
        form = {"username": NAME, "password": PASSWORD, "csrfmiddlewaretoken": self._session.cookies["csrftoken"]}
        return self._session.post(page, data=form, headers={"Referer": page}, timeout=self._within)

    def looks(self, path: str) -> requests.Response:
        return self._session.get(self._root + path, timeout=self._within, allow_redirects=False)

    def does(self, path: str, content: dict[str, Any]) -> requests.Response:
        headers = {"X-CSRFToken": self._session.cookies["csrftoken"], "Referer": self._root}
        return self._session.post(self._root + path, json=content, headers=headers, timeout=self._within)
