"""The demo as a whole: what it plays ends right, and what ends wrong is told."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.demo.processes import LIMIT, ROOT, said, started, wait_until_said

# One process, since these tests share the demos that they look at.
pytestmark = pytest.mark.xdist_group("demo")
EXPECTED = {
    "JSON array": (9_000, 1_000, 0),
    "gzipped NDJSON": (7_200, 800, 0),
    "CSV, Windows-1252": (3_500, 1_500, 0),
    "merged actions": (4_800, 1_200, 0),
    "200 singles": (180, 20, 0),
    "unknown action": (1_800, 200, 0),
    "refused whole": (0, 1_500, 0),
    "left unanswered": (0, 0, 1_200),
}
NUMBERS = re.compile(r"^(.{17}) .*?" + r"\s+([\d,]+)" * 6 + r"  ([✓✗]|ok|WRONG)$", re.MULTILINE)
Table = dict[str, tuple[tuple[int, ...], tuple[int, ...], str]]


def read_table(text: str) -> Table:
    """Read the closing table: for each title the expected and the actual ways, and the tick."""
    rows: Table = {}
    for title, *numbers, tick in NUMBERS.findall(text):
        found = [int(number.replace(",", "")) for number in numbers]
        rows[title.strip()] = tuple(found[::2]), tuple(found[1::2]), tick
    return rows


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose first project has a consent check that asks for something else."""
    text = (ROOT / "demo" / "gateway.yaml").read_text()
    broken = text.replace("properties.consent, reject_if: {equals: false}", "properties.age, reject_if: {less: 1}", 1)
    assert broken != text
    path = tmp_path_factory.mktemp("config") / "unchecked.yaml"
    path.write_text(broken)
    return path


@pytest.fixture(scope="module")
def staying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A demo that stays up, in an environment that says everything otherwise."""
    folder = tmp_path_factory.mktemp("staying")
    other = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBUG": "1",
        "SECRET_KEY": "",
        "WEBHOOK_BASIC_AUTH": "other:secret",
        "DATA_DIR": str(folder / "other"),
        "http_proxy": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
    }
    with started(folder, **other) as process:
        yield folder, process


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, unchecked: Path, staying: tuple[Path, subprocess.Popen[str]]
) -> dict[str, tuple[int, str]]:
    """Exit code and output of two demos that end, while another stays: as it comes, and unchecked."""
    found = {}
    for name, env in (("right", {}), ("unchecked", {"DEMO_CONFIG": str(unchecked)})):
        folder = tmp_path_factory.mktemp(name)
        with started(folder, "--once", **env) as process:
            found[name] = process.wait(LIMIT), said(folder)
    return found


def test_every_contact_leaves_on_the_right_way(played: dict[str, tuple[int, str]]) -> None:
    code, text = played["right"]
    assert read_table(text) == {title: (ways, ways, "✓") for title, ways in EXPECTED.items()}, text
    assert code == 0
    assert "All 33,900 contacts of 8 sendouts left on the right way" in text


def test_what_a_person_decides_waits_for_that_person(played: dict[str, tuple[int, str]]) -> None:
    _, text = played["right"]
    for title, then in (("unknown action", ", accepted by a person"), ("refused whole", ", by a person")):
        lines = [line for line in text.splitlines() if line.startswith(title)]
        waits = next(place for place, line in enumerate(lines) if "waits for a person" in line)
        assert any(then in line for line in lines[waits:])


def test_wrong_counts_are_told_and_end_with_1(played: dict[str, tuple[int, str]]) -> None:
    code, text = played["unchecked"]
    assert code == 1, text
    table = read_table(text)
    assert table["JSON array"] == ((9_000, 1_000, 0), (10_000, 0, 0), "✗")
    wrong = {title for title, (_, _, tick) in table.items() if tick == "✗"}
    assert wrong == {"JSON array", "gzipped NDJSON", "unknown action"}
    assert (
        "“JSON array”: contacts left on another way than expected; 1 violation of the protocol (released_due)" in text
    )


def test_it_stays_up_with_a_login_that_works_until_it_is_interrupted(
    staying: tuple[Path, subprocess.Popen[str]],
) -> None:
    folder, process = staying
    wait_until_said(folder, process, "passes by itself")
    text = said(folder)
    # This one writes to something that knows ASCII only.
    assert read_table(text) == {title: (ways, ways, "ok") for title, ways in EXPECTED.items()}, text
    address = re.search(r"admin:\s+(\S+)$", text, re.MULTILINE)
    login = re.search(r"User and password:\s+(\S+) / (\S+)$", text, re.MULTILINE)
    assert address and login, text
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(address[1], timeout=30)
        form = {"username": login[1], "password": login[2], "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        answer = session.post(page.url, form, headers={"Referer": page.url}, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        assert session.get(address[1], allow_redirects=False, timeout=30).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT) == 0
    assert not (folder / "other").exists()
