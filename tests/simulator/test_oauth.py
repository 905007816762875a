"""The token endpoint follows RFC 6749, and its tokens open the services that ask for them until they end."""

from typing import Any

import pytest
import requests

from simulator.client import Simulator

RIGHT = {"grant_type": "client_credentials", "client_id": "gate", "client_secret": "secret"}
BARE = {"grant_type": "client_credentials"}


def request(sim: Simulator, http: requests.Session, form: dict[str, str], **more: Any) -> requests.Response:
    return http.post(f"{sim.url}/oauth/token", data=form, timeout=5, **more)


def ask(sim: Simulator, http: requests.Session, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return http.get(f"{sim.url}/consent/people/A-1", headers=headers, timeout=5).status_code


def test_a_token_opens_the_service_until_it_is_used_up_or_revoked(sim: Simulator, http: requests.Session) -> None:
    sim.consent(oauth=True)
    sim.oauth(uses=2)
    answers = [request(sim, http, RIGHT).json(), request(sim, http, BARE, auth=("gate", "secret")).json()]
    assert {(each["token_type"], each["expires_in"]) for each in answers} == {("Bearer", 3600.0)}
    first, second = (each["access_token"] for each in answers)
    assert [ask(sim, http, first) for _ in range(3)] == [200, 200, 401]
    assert [ask(sim, http, "wrong"), ask(sim, http, second)] == [401, 200]
    sim.revoke_tokens()
    assert ask(sim, http, second) == 401
    sim.oauth(lasts=0.0, expires_in=-1)
    told = request(sim, http, RIGHT).json()
    assert "expires_in" not in told and ask(sim, http, told["access_token"]) == 401


@pytest.mark.parametrize(
    ("form", "more", "status", "error"),
    [
        (RIGHT | {"client_secret": "x"}, {}, 401, "invalid_client"),
        (RIGHT, {"auth": ("gate", "secret")}, 400, "invalid_request"),
        (RIGHT | {"grant_type": "password"}, {}, 400, "unsupported_grant_type"),
        (RIGHT | {"scope": "x"}, {}, 400, "invalid_scope"),
        (RIGHT | {"audience": "x"}, {}, 400, "invalid_target"),
        (BARE, {}, 401, "invalid_client"),
    ],
)
def test_a_wrong_request_gets_its_error(
    sim: Simulator, http: requests.Session, form: dict[str, str], more: dict[str, Any], status: int, error: str
) -> None:
    refused = request(sim, http, form, **more)
    assert (refused.status_code, refused.json()) == (status, {"error": error})
    assert sim.oauth() == {"issued": 0, "refused": {error: 1}}
