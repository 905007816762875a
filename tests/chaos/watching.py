"""A viewer that requests an admin page every second, during every outage."""

import re
import threading
import time
from dataclasses import dataclass

import requests

from tests.chaos.people import PASSWORD

LOGIN, LIST = "/admin/login/", "/admin/sendouts/batch/"
# Nobody waits longer for a page.
PAGE_SECONDS = 15.0
ANSWERS = frozenset({200, 302, 503})


@dataclass(frozen=True, slots=True)
class Seen:
    """One request for a page: the status (0: none in time) and the seconds that it took."""

    path: str
    status: int
    seconds: float


class Visitor(threading.Thread):
    """Asks for the login page, and for a list behind it, once a second."""

    def __init__(self, url: str) -> None:
        super().__init__(name="visitor", daemon=True)
        self._url = url
        self._session = requests.Session()
        self._over = threading.Event()
        self.seen: list[Seen] = []

    def log_in(self) -> None:
        form = self._session.get(self._url + LOGIN, timeout=PAGE_SECONDS)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        assert found is not None, "the login page has a form"
        said = {"username": "person", "password": PASSWORD, "csrfmiddlewaretoken": found[1], "next": LIST}
        landed = self._session.post(self._url + LOGIN, data=said, timeout=PAGE_SECONDS, headers={"Referer": self._url})
        assert landed.ok and landed.url.endswith(LIST), f"logged in, not at {landed.url}"

    def run(self) -> None:
        while not self._over.wait(0.5):
            for path in (LOGIN, LIST):
                began = time.monotonic()
                try:
                    status = self._session.get(
                        self._url + path, timeout=PAGE_SECONDS, allow_redirects=False
                    ).status_code
                except requests.RequestException:
                    status = 0
                self.seen.append(Seen(path, status, time.monotonic() - began))

    def finish(self) -> list[Seen]:
        self._over.set()
        self.join(3 * PAGE_SECONDS)
        return self.seen


def complaints(seen: list[Seen]) -> list[str]:
    """Sentences about pages that did not answer, or not as they should."""
    bad = [each for each in seen if each.status not in ANSWERS]
    return [f"{len(bad)} of {len(seen)} pages failed, the first: {bad[0]}"] if bad else []
