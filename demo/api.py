"""Client for the gateway's REST API, with the calls that the demo needs."""

from collections.abc import Iterator
from typing import Any

import requests

from demo.errors import DemoFailed

Row = dict[str, Any]
MOVED_ON = 409


class Api:
    """Client that reads and decides with a token; every answer is a plain dict."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/api/"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Token {token}"

    def batches(self) -> Iterator[Row]:
        """Yield all batches, newest first, page by page."""
        page = f"{self._url}batches/?limit=200"
        while page:
            answer = self._json(self._call("GET", page))
            yield from answer["results"]
            page = answer["next"] or ""

    def batch(self, batch_id: int) -> Row:
        """Return one batch with its plan and numbers."""
        return self._json(self._call("GET", f"{self._url}batches/{batch_id}/"))

    def decide(self, batch: Row, verb: str, note: str) -> bool:
        """Accept or reject the batch in the revision that was read; return False if it has changed since."""
        said = {"revision": batch["revision"], "note": note}
        answer = self._call("POST", f"{self._url}batches/{batch['id']}/{verb}/", said)
        if answer.status_code == MOVED_ON:
            return False
        self._json(answer)
        return True

    def _call(self, method: str, url: str, said: Row | None = None) -> requests.Response:
        try:
            return self._session.request(method, url, json=said, timeout=30)
        except requests.RequestException as error:
            raise DemoFailed(f"The gateway's API does not answer ({type(error).__name__}).") from error

    @staticmethod
    def _json(answer: requests.Response) -> Row:
        if not answer.ok:
            path = answer.request.path_url
            raise DemoFailed(f"The gateway's API answered {answer.status_code} to {path}: {answer.text[:300]}")
        found: Row = answer.json()
        return found
