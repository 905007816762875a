"""Effects in a run: contacts get a code and values before the release, and a transfer reports their outcome.

Every sendout has contacts of its own, so that what the platform and the receiver hold says who wrote it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actions.models import CodePool, Credential, PromoCode
from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.chaos.schedule import CONSENT, EFFECTS, Order

ENVIRONMENT = {"CREDENTIAL_SYMPLIFY": "header:X-Carma-Authentication-Token:token"}
CONFIG = """
projects:
  - name: {project}
    actions:
      - {consent}
      - {{identifier: code, kind: promo_code, config: {{pool: summer}}}}
      - identifier: write
        kind: contact_update
        config: {{url: "{url}/rest", customer_id: "7", list_id: "3", credential: symplify, parallel: 4,
                 properties: {{code: "{{code}}", points: "{{contact.points}} of {{sendout}}"}}}}
      - {{identifier: tell, kind: transfer_http, config: {{url: "{receiver}", page_size: 50, whom: all}}}}
"""
# Runs of effects that wait for nothing but their turn. One at which worker after worker died waits for a person.
_OPEN = """
SELECT r.batch_id, r.identifier FROM sendouts_effectrun r JOIN sendouts_batch b ON b.id = r.batch_id
WHERE b.status = 'finished' AND r.ended_at IS NULL AND NOT (r.deaths >= 3 AND r.due_at IS NULL)
"""
_KEPT_BACK = """
SELECT count(*) FROM actions_promocode c JOIN sendouts_batch b ON b.id = c.reserved_for
WHERE b.status = 'finished' AND c.used_at IS NULL
"""
# An enrichment that ended after the first call of finishUri, or has not ended though it was called.
_RELEASED_BEFORE = """
SELECT r.batch_id, r.identifier FROM sendouts_effectrun r
JOIN (SELECT batch_id, min(at) AS at FROM sendouts_event WHERE word = 'finish_sent' GROUP BY batch_id) e
  ON e.batch_id = r.batch_id
WHERE r.phase = 'enrich' AND (r.ended_at IS NULL OR r.ended_at > e.at)
"""
_DECIDED = f"""
SELECT d.id >> 32, d.contact_id, d.verdict, s.name FROM sendouts_decision d
JOIN sendouts_batch b ON b.id = d.id >> 32
JOIN actions_sendout s ON s.id = b.sendout_id JOIN actions_project p ON p.id = b.project_id
WHERE p.name = '{EFFECTS}' AND b.status = 'finished' AND b.outcome IN ('released', 'empty')
"""
_USED = "SELECT text, reserved_for FROM actions_promocode WHERE used_at IS NOT NULL"
_ACCEPTED, _REJECTED = 1, 2


def set_up(gateway: Deployment, platform: Simulator, codes: int, faults: Sequence[dict[str, Any]] = ()) -> None:
    """Give a running gateway the project and its pool of codes, and have somebody there to be told."""
    receiver = platform.receiver("crm", faults=list(faults))
    gateway.inside(create_codes, codes)
    gateway.apply(CONFIG.format(project=EFFECTS, consent=CONSENT, url=platform.url, receiver=receiver))


def create_codes(count: int) -> None:
    """Create a pool of so many codes. Runs beside the gateway."""
    pool = CodePool.objects.create(name="summer")
    PromoCode.objects.bulk_create((PromoCode(pool=pool, text=f"S-{n}") for n in range(count)), batch_size=5_000)


def require_tokens(gateway: Deployment, platform: Simulator) -> None:
    """Have the REST API require tokens, which the gateway gets from the platform's token endpoint."""
    platform.oauth(expires_in=3600)
    platform.rest(oauth=True)
    gateway.inside(create_client, f"{platform.url}/oauth/token")


def create_client(token_url: str) -> None:
    """Create the credential of an OAuth2 client. Runs beside the gateway."""
    Credential.objects.create(
        name="symplify", kind=Credential.Kind.OAUTH2, user="gate", secret="secret", token_url=token_url
    )


def open_work(gateway: Deployment) -> list[str]:
    """What has not come to its end yet though its batch has, in words."""
    found = [f"the effect {identifier} of batch {batch} is open" for batch, identifier in gateway.rows(_OPEN)]
    ((kept_back,),) = gateway.rows(_KEPT_BACK)
    return [*found, f"{kept_back} codes are not given back"] if kept_back else found


def judge(gateway: Deployment, platform: Simulator, orders: Mapping[str, Order]) -> Iterator[str]:
    """What is wrong with what was written and told."""
    if not any(order.spec["project"] == EFFECTS for order in orders.values()):
        return
    for batch, identifier in gateway.rows(_RELEASED_BEFORE):
        yield f"batch {batch} was released before its enrichment {identifier} had ended"
    decided = gateway.rows(_DECIDED)
    yield from _written(gateway, platform, decided)
    yield from _told(platform, decided)


def _written(gateway: Deployment, platform: Simulator, decided: list[tuple[Any, ...]]) -> Iterator[str]:
    """Each accepted contact has exactly its value and a code of its own; nobody else has anything."""
    rest = platform.rest()
    if rest["changed"]:
        yield f"{rest['changed']} values were written over by others"
    if rest["count"] > len(rest["contacts"]):
        yield "more contacts were written than the platform tells"
    used: dict[str, int] = dict(gateway.rows(_USED))
    codes: Counter[str] = Counter()
    for batch, contact, verdict, sendout in decided:
        found = rest["contacts"].get(contact)
        if verdict == _REJECTED and found is not None:
            yield f"{contact} was rejected, and written"
        if verdict != _ACCEPTED:
            continue
        points = f"{contact.rpartition(':')[2]} of {sendout}"
        if found is None or found.get("points") != points or used.get(found.get("code", "")) != batch:
            yield f"{contact} was accepted in batch {batch}, and has {found}"
        else:
            codes[found["code"]] += 1
    yield from (f"the code {code} was given {count} times" for code, count in codes.items() if count > 1)


def _told(platform: Simulator, decided: list[tuple[Any, ...]]) -> Iterator[str]:
    """Everybody whose batch has ended is told of, rightly, and always with the same key."""
    received = platform.received("crm")
    yield from (f"the receiver found {each['kind']}: {each['detail']}" for each in received["violations"][:5])
    if received["taken"] > len(received["kept"]):
        yield "more pages were told than the receiver keeps"
    said: dict[str, set[tuple[str, str]]] = {}
    for page in received["kept"]:
        for entry in json.loads(page["body"])["contacts"]:
            said.setdefault(entry["contact_id"], set()).add((entry["key"], entry["verdict"]))
    words = {_ACCEPTED: "accepted", _REJECTED: "rejected"}
    for batch, contact, verdict, _ in decided:
        heard = said.get(contact, set())
        if len(heard) != 1 or {word for _, word in heard} != {words.get(verdict)}:
            yield f"{contact} of batch {batch} is {words.get(verdict)}, and the receiver heard {sorted(heard)}"
