"""A person who accepts and rejects batches in review through the REST API, as ordered."""

import threading
from collections.abc import Mapping
from typing import Any

import requests
from django.contrib.auth.models import User

from api.models import ApiToken, fingerprint
from tests.acceptance.deployment import Deployment
from tests.chaos.schedule import Order

TOKEN = "0123456789abcdef" * 2 + "01234567"
PASSWORD = "of-the-chaos-tests"
LOOK_SECONDS = 0.5


def create() -> None:
    """Create that person, with a token for programs. Runs beside the gateway."""
    user = User.objects.create_superuser("person", password=PASSWORD)
    ApiToken.objects.create(user=user, prefix=TOKEN[:4], digest=fingerprint(TOKEN))


class Person(threading.Thread):
    """Looks at what is held every half second; what does not get through is tried again at the next look."""

    def __init__(self, gateway: Deployment, orders: Mapping[str, Order]) -> None:
        super().__init__(name="person", daemon=True)
        self._gateway = gateway
        self._orders = orders
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except requests.RequestException:
                # The web process is away: it comes back, and the batches wait.
                continue

    def finish(self) -> None:
        self._over.set()
        self.join(30)

    def _look(self) -> None:
        answers = {order.spec["sendout"]: order.answer for order in list(self._orders.values()) if order.answer}
        page = ask(self._gateway, "GET", "/api/batches/?status=in_review&limit=200")
        for batch in page.json()["results"] if page.ok else []:
            if answer := answers.get(batch["sendout"]["name"]):
                said = {"revision": batch["revision"], "note": "As ordered"}
                ask(self._gateway, "POST", f"/api/batches/{batch['id']}/{answer}/", said)


def ask(gateway: Deployment, method: str, path: str, said: Mapping[str, Any] | None = None) -> requests.Response:
    """One call of the REST API as that person."""
    headers = {"Authorization": f"Token {TOKEN}", "Accept-Language": "en"}
    return requests.request(method, gateway.url + path, json=said, headers=headers, timeout=10)
