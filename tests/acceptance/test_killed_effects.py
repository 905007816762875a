"""Workers are killed while they write codes and tell others: everybody has one code of their own before the release."""

import json
from pathlib import Path

import pytest

from tests.acceptance.deployment import deployment, wait_until

MODES = ["embedded", "processes"]
CODES = 700
SETUP = f"""
from actions.models import CodePool, PromoCode
pool = CodePool.objects.create(name="summer")
PromoCode.objects.bulk_create(PromoCode(pool=pool, text=f"S-{{number}}") for number in range({CODES}))
"""
CONFIG = """
projects:
  - name: Newsletter
    actions:
      - {{identifier: consent-check, kind: field_rule,
         config: {{field: properties.consent, reject_if: {{equals: false}}, if_missing: hold, reason: "No consent"}}}}
      - {{identifier: code, kind: promo_code, config: {{pool: summer}}}}
      - identifier: write
        kind: contact_update
        config: {{url: "{url}/rest", customer_id: "7", list_id: "3", credential: symplify,
                 properties: {{code: "{{code}}"}}, parallel: 4}}
      - {{identifier: tell, kind: transfer_http, config: {{url: "{receiver}", page_size: 20, whom: all}}}}
"""


@pytest.mark.parametrize("mode", MODES)
def test_everybody_has_one_code_before_the_release_though_workers_die(tmp_path: Path, mode: str) -> None:
    more = {"CREDENTIAL_SYMPLIFY": "header:X-Carma-Authentication-Token:token"}
    with deployment(tmp_path, mode, setup=SETUP, **more) as (gateway, platform):
        receiver = platform.receiver("crm", faults=[{"kind": "slow", "seconds": 0.2}])
        gateway.manage("apply_config", "-", stdin=CONFIG.format(url=platform.url, receiver=receiver))
        platform.faults([{"kind": "slow", "on": "contact", "seconds": 0.02}])
        actions = ["consent-check", "code", "write", "tell"]
        sent = platform.create(
            "batch", project="Newsletter", journey="W", sendout="S", actions=actions, contacts=600, timeout=600
        )

        def kill() -> None:
            assert gateway.kill("" if mode == "embedded" else "celery") > 0
            platform.excuse(sent["id"])
            if mode == "embedded":
                gateway.start()

        wait_until(lambda: platform.rest()["count"] > 50, 30, "contacts are written", gateway.tail)
        assert platform.sendout(sent["id"])["calls"]["finish"] == 0
        kill()
        seen = platform.wait_finished(sent["id"], within=60)
        assert (seen["accepted"], seen["rejected"], seen["violations"]) == (540, 60, [])
        written = {key: properties["code"] for key, properties in platform.rest()["contacts"].items()}
        assert len(written) == len(set(written.values())) == 540, "whoever got the message has a code of his own"
        wait_until(lambda: len(platform.received("crm")["kept"]) > 2, 30, "others are told", gateway.tail)
        kill()
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_effectrun WHERE ended_at IS NULL") == [(0,)],
            60,
            "everybody is told",
            gateway.tail,
        )
        received = platform.received("crm")
        told = [entry for kept in received["kept"] for entry in json.loads(kept["body"])["contacts"]]
        assert len({entry["contact_id"] for entry in told}) == 600 and received["violations"] == []
        wait_until(
            lambda: (
                gateway.rows("SELECT count(*) FROM actions_promocode WHERE reserved_for IS NULL") == [(CODES - 540,)]
            ),
            20,
            "what nobody used is given back",
            gateway.tail,
        )
        used = gateway.rows("SELECT count(*), count(DISTINCT holder) FROM actions_promocode WHERE used_at IS NOT NULL")
        assert used == [(540, 540)]
        assert gateway.rows("SELECT count(*) FROM sendouts_pendingeffect") == [(0,)]
