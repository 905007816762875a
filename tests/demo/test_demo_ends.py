"""However the demo ends, it says why, and nothing is left running."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.processes import LIMIT, ROOT, children, gone, said, started, wait_until_gone, wait_until_said

# Not beside the other demos: hooks have a second.
pytestmark = pytest.mark.xdist_group("demo")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@needs_proc
def test_told_to_end_it_ends_all_that_it_started_and_its_folder_is_used_again(tmp_path: Path) -> None:
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with started(tmp_path) as process:
            wait_until_said(tmp_path, process, "JSON array")
            found = children(process)
            assert set(found) == {"gateway", "simulator"}
            process.send_signal(number)
            assert process.wait(LIMIT) == code
        assert all(gone(pid) for pid in found.values())
        assert "Traceback" not in said(tmp_path)


@needs_proc
@pytest.mark.parametrize("name", ["gateway", "simulator"])
def test_a_child_that_dies_is_named_and_the_other_is_ended(tmp_path: Path, name: str) -> None:
    with started(tmp_path) as process:
        wait_until_said(tmp_path, process, "JSON array")
        found = children(process)
        # Popen's child of the demo, by its id.
        subprocess.run(["kill", "-9", str(found[name])], check=True)
        assert process.wait(LIMIT) == 1
    text = said(tmp_path)
    assert f"The {name} ended by itself (signal SIGKILL)." in text
    assert f"The last lines of {tmp_path / 'data' / name}.log:" in text
    assert all(gone(pid) for pid in found.values())
    assert "Traceback" not in text


@needs_proc
def test_a_demo_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    with started(tmp_path) as process:
        wait_until_said(tmp_path, process, "JSON array")
        found = children(process)
        process.kill()
        process.wait(LIMIT)
    wait_until_gone(found.values())


def test_a_folder_and_a_port_in_use_are_respected(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(tmp_path, DEMO_PORT=str(port)) as process:
            wait_until_said(tmp_path, process, f"Port {port} is taken, so the gateway listens on ")
            second = subprocess.run(
                [sys.executable, "-m", "demo", "--once"],
                cwd=ROOT,
                env={"DEMO_DATA_DIR": str(tmp_path / "data"), "PATH": ""},
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
            assert second.returncode == 1
            assert "Another demo runs in" in second.stderr
            wait_until_said(tmp_path, process, "JSON array")


def test_the_data_of_a_gateway_that_is_no_demo_is_not_touched(tmp_path: Path) -> None:
    database = tmp_path / "data" / "gateway.sqlite3"
    database.parent.mkdir()
    database.write_bytes(b"precious")
    with started(tmp_path, "--once") as process:
        assert process.wait(LIMIT) == 1
    assert "holds the data of a gateway that is no demo" in said(tmp_path)
    assert database.read_bytes() == b"precious"


def test_a_faulty_configuration_is_told_with_its_place(tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("projects: [{name: Newsletter, colour: red}]")
    with started(tmp_path, "--once", DEMO_CONFIG=str(faulty)) as process:
        assert process.wait(LIMIT) == 1
    text = said(tmp_path)
    assert "The gateway could not be set up." in text
    assert "projects.0.colour" in text or "projects[0].colour" in text
    assert "Traceback" not in text
