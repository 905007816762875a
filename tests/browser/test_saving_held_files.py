"""A batch that is held for its contact file is saved in a real browser, whatever was wrong with the file.

The person sends a right file, names its columns, or states that the file is whole. Some kinds are tried always; SAVES=all
tries each (`make saves`). Every test prints how long the person's part took, until the batch was in review.
"""

import gzip
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Route

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, wait_until
from tests.browser.conftest import Visit
from tests.outbound.site import Request, Site, reply
from tests.servers import TEST_AUTH
from tests.stages.sheets import workbook

HEAD = "contactId;consent;cancelUri\n"
LINES = HEAD + "A-1;true;URL/1\nA-2;false;URL/2\n"
ARRAY = json.dumps([{"contactId": f"A-{n}", "consent": n == 1, "cancelUri": f"URL/{n}"} for n in (1, 2)])
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
# What people send: three contacts. The first two may have been read before.
PEOPLE = [(f"A-{n}", "true" if n != 2 else "false", f"URL/{n}") for n in (1, 2, 3)]


@dataclass(frozen=True)
class Held:
    """A file that is held. `way`: the file that the person sends, or `whole`; `lost`: contacts that it would lose."""

    content: bytes | str
    way: str = "right.csv"
    answer: Callable[[bytes], bytes] = lambda body: reply(200, body)


def archive(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, LINES)
    return made.getvalue()


def cut(body: bytes) -> bytes:
    whole = reply(200, body + bytes(500), Connection="close")
    return whole[:-500]


def says(status: int, body: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda _: reply(status, body)


KINDS: dict[str, Held] = {
    "a column twice": Held(LINES.replace("consent", "consent;consent").replace("true", "true;false")),
    "a key twice": Held(ARRAY.replace('"consent": false', '"consent": false, "Consent": true'), "foreign.json"),
    "rows missing": Held(f'{{"total":20000,"rows":{ARRAY}}}', "right.xlsx"),
    "rows missing, and none is": Held(f'{{"total":3,"rows":{ARRAY}}}', "whole"),
    "pages without a place": Held(f'{{"hasMore":true,"rows":{ARRAY}}}'),
    "pages without a place, and none is": Held(f'{{"hasMore":true,"rows":{ARRAY}}}', "whole"),
    "a page on a strange host": Held(f'{{"next":"http://elsewhere.example/2","rows":{ARRAY}}}'),
    "cut off": Held(LINES + "A-3;tr", "foreign.csv", cut),
    "cut off, and whole": Held(LINES, "whole", cut),
    "damaged gzip": Held(LINES, answer=lambda body: reply(200, gzip.compress(body)[:-6])),
    "damaged JSON": Held(ARRAY[:-1] + ',{"contactId": oops}]', "right.json"),
    "several files in an archive": Held(archive("a.csv", "b.csv"), "foreign.xlsx"),
    "a login page": Held("<!doctype html><html>Please log in</html>"),
    "a workbook": Held(workbook([["contactId", "cancelUri"], ["A-1", "URL/1"]]), "right.xlsx"),
    "foreign columns": Held("Kundennr;Abmeldung\nA-1;URL/1\n", "foreign.csv"),
    "foreign keys": Held('[{"ref":"A-1","reject":"URL/1"}]', "foreign.json"),
    "a rounded id": Held(LINES.replace("A-2", "1,23457E+16")),
    "a word for an id": Held(LINES.replace("A-2", "NULL")),
    "no address": Held(LINES.replace("URL/2", "")),
    "mostly unreadable": Held(HEAD + "x\n" * 10_500),
    "an expired link": Held("", "foreign.json", says(403, EXPIRED)),
    "no such file": Held("", "right.csv", says(404)),
}
ALWAYS = ("a column twice", "cut off, and whole", "an expired link")
CHOSEN = tuple(KINDS) if os.environ.get("SAVES") == "all" else ALWAYS


def sent(way: str, url: str) -> bytes:
    """Return the right file in the form of its name."""
    people = [(contact, consent, uri.replace("URL", url)) for contact, consent, uri in PEOPLE]
    name, _, form = way.partition(".")
    head = ("contactId", "consent", "cancelUri") if name == "right" else ("Kundennr", "consent", "Abmeldung")
    if form == "xlsx":
        return workbook([head, *people])
    if form == "json":
        rows: list[dict[str, Any]] = [
            {"contactId": contact, "cancelUri": uri} if name == "right" else {"who": {"ref": contact}, "Abmeldung": uri}
            for contact, _, uri in people
        ]
        return json.dumps({"people": rows}).encode()
    return "\n".join(";".join(row) for row in (head, *people)).encode()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    def answer(request: Request) -> bytes:
        kind = KINDS.get(request.path.removeprefix("/file/").replace("_", " "))
        if kind is None:
            return reply()
        raw = kind.content if isinstance(kind.content, bytes) else kind.content.encode()
        return kind.answer(raw.replace(b"URL", made.uri("").encode()))

    made = Site(answer)
    with closing(made):
        yield made


@pytest.fixture(scope="module")
def held(gateway: tuple[Deployment, Simulator], site: Site) -> dict[str, int]:
    """All batches, held: their numbers by what is wrong."""
    running = gateway[0]
    running.apply("projects: [{name: Saves, review: always}]")
    for name in CHOSEN:
        place = name.replace(" ", "_")
        body = {"finishUri": site.uri(f"/finish/{place}"), "itemDownloadUri": site.uri(f"/file/{place}")}
        body |= {"projectName": "Saves", "journeyName": "Saves", "sendoutName": name}
        body |= {"actions": ["consent-check"]}
        user, _, password = TEST_AUTH.partition(":")
        assert requests.post(running.hook_url, json=body, auth=(user, password), timeout=10).ok
    wait_until(
        lambda: len(states(running)) == len(CHOSEN) and all(state[2] for state in states(running).values()),
        120,
        "every batch is held",
        lambda: str(states(running)),
    )
    return {name: state[0] for name, state in states(running).items()}


def states(running: Deployment) -> dict[str, tuple[int, str, str]]:
    code = (
        "from sendouts.models import Batch\n"
        "found = {b.sendout.name: [b.pk, b.status, b.attention] for b in "
        "Batch.objects.filter(sendout__journey='Saves').select_related('sendout')}"
    )
    found: dict[str, tuple[int, str, str]] = running.within(code)
    return found


def show_comparison(route: Route) -> None:
    """Answer with the page of the file as it is while a worker compares another one."""
    answer = route.fetch()
    place = '<div data-state="state/"><p data-sentence></p><progress></progress></div>'
    route.fulfill(response=answer, body=answer.text().replace("</body>", f"{place}</body>"))


def test_a_page_that_would_renew_itself_waits_until_the_dialog_is_closed(
    visit: Callable[..., Visit], held: dict[str, int]
) -> None:
    person = visit()
    page = person.page
    person.log_in(path=f"/admin/sendouts/batch/{held['cut off, and whole']}/file/")
    page.route("**/file/", show_comparison)
    state = {"over": False, "percent": 50, "sentence": "Comparing", "figures": {}}
    page.route("**/file/state/", lambda route: route.fulfill(json=state))
    page.reload()
    page.evaluate("window.neverReloaded = true")
    page.get_by_role("link", name="This is the whole file").click()
    note = page.locator("#gate-dialog [data-note]")
    note.fill("Counted in Symplify.")
    state["over"] = True
    for _ in range(2):
        page.wait_for_event("response", lambda answer: answer.url.endswith("/file/state/"))
    assert note.input_value() == "Counted in Symplify."
    assert page.evaluate("window.neverReloaded")
    page.unroute("**/file/")
    page.keyboard.press("Escape")
    page.wait_for_function("window.neverReloaded === undefined")


@pytest.mark.parametrize("name", CHOSEN)
def test_a_held_batch_is_saved_and_waits_for_its_acceptance(
    visit: Callable[..., Visit],
    gateway: tuple[Deployment, Simulator],
    site: Site,
    held: dict[str, int],
    tmp_path: Path,
    name: str,
) -> None:
    way = KINDS[name].way
    person = visit()
    person.log_in(path=f"/admin/sendouts/batch/{held[name]}/change/")
    page = person.page
    began = time.monotonic()
    page.get_by_role("link", name="Save it with another file").click()
    if way == "whole":
        person.open_dialog(page.get_by_role("link", name="This is the whole file"))
        page.locator("#gate-dialog [data-note]").fill("Counted in Symplify.")
        person.confirm("It is the whole file")
    else:
        file = tmp_path / way
        file.write_bytes(sent(way, site.uri("")))
        page.set_input_files("input[type=file]", file)
        page.get_by_role("button", name="Send the file").click()
        if way.startswith("foreign"):
            page.locator("select[name=identity]").wait_for()
            page.select_option("select[name=identity]", label="who.ref" if way.endswith("json") else "Kundennr")
            page.select_option("select[name=uri]", label="Abmeldung")
            page.get_by_role("button", name="Use these columns").click()
        person.open_dialog(page.locator("a[href$='/use-file/']"))
        person.confirm("Use this file: check 3")
    page.wait_for_url("**/change/")
    wait_until(lambda: states(gateway[0])[name][1:] == ["in_review", ""], 60, "the batch is in review")
    print(f"{name}: {time.monotonic() - began:.1f} s")
