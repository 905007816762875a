"""The set-up from nothing: locks with hashes, any supported Python, and pip's settings for uv."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==([^\s;]+)", re.MULTILINE)
# Fails as Debian's python3 does without python3-venv.
WITHOUT_ENSUREPIP = 'case "$*" in *ensurepip*) exit 1 ;; esac\nexec {python} "$@"'
LEAVES_HALF = 'case "$*" in "-m venv"*) mkdir -p "$3/bin"; exit 1 ;; esac\nexec {python} "$@"'


def pins(name: str) -> dict[str, str]:
    return {package.lower(): version for package, version in PINNED.findall((ROOT / name).read_text())}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_a_lock_holds_what_is_required_with_hashes_and_no_address(name: str) -> None:
    locked = pins(f"{name}.lock")
    assert pins(f"{name}.txt").items() <= locked.items()
    text = (ROOT / f"{name}.lock").read_text()
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:])
    assert "://" not in text
    # One file for each Python and platform: an index that holds only those of one machine would show here.
    assert text.count("--hash") > 8 * len(locked)


def test_tests_run_on_the_versions_that_the_gateway_runs_on() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def script(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{content.format(python=sys.executable)}\n")
    path.chmod(0o755)
    return path


def run(folder: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with the settings of no pip but these."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_"))
    }
    given = clean | {"PIP_CONFIG_FILE": os.devnull} | environment
    return subprocess.run(
        [str(part) for part in command], cwd=folder, env=given, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("failure", [WITHOUT_ENSUREPIP, LEAVES_HALF])
def test_a_python_that_makes_no_virtual_environment_is_told_and_leaves_nothing(tmp_path: Path, failure: str) -> None:
    python = script(tmp_path / "python", failure)
    said = run(tmp_path, ROOT / "tools/setup.sh", python, "venv", "empty.lock")
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert said.returncode == 1 and f"install Debian's package {package}, then run make again" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_no_python_that_runs(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        script(tmp_path / "bin" / name, "exit 127")
    said = run(tmp_path, ROOT / "tools/setup.sh", "", "venv", "empty.lock", PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert said.returncode == 1 and "No Python 3.11, 3.12 or 3.13 runs on PATH" in said.stderr


def test_a_half_made_virtual_environment_is_made_anew(tmp_path: Path) -> None:
    for name in ("requirements-dev.lock", "empty.lock"):
        (tmp_path / name).write_text("")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").symlink_to("/nonexistent")
    said = run(tmp_path, "tools/setup.sh", sys.executable, "venv", "empty.lock", PIP_NO_INDEX="1")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "venv/bin/pip").read_text().startswith(f"#!{tmp_path}/venv/bin/python")
    assert not (tmp_path / "venv.new").exists()


def settings_of_uv(folder: Path, **environment: str) -> dict[str, str]:
    script(folder / "venv/bin/uv", 'env; echo "ARGUMENTS=$*"')
    script(folder / "venv/bin/python", 'exec {python} "$@"')
    said = run(folder, ROOT / "tools/uv.sh", "venv", "pip", "install", **environment)
    return dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)


def test_uv_gets_the_settings_of_pips_file(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://a.example.com/simple\ncert = /a.pem\nextra-index-url =\n  https://b.example.com\n"
        "  https://c.example.com\nno-index = true\n[install]\nindex-url = https://d.example.com/simple\n"
    )
    given = settings_of_uv(tmp_path, PIP_CONFIG_FILE=str(file))
    assert given["UV_DEFAULT_INDEX"] == "https://d.example.com/simple"
    assert given["UV_INDEX"].split() == ["https://b.example.com", "https://c.example.com"]
    assert given["SSL_CERT_FILE"] == "/a.pem"
    assert given["ARGUMENTS"] == "pip install --no-index"


def test_the_environment_wins_over_pips_file_and_uvs_own_names_over_both(tmp_path: Path) -> None:
    given = settings_of_uv(tmp_path, PIP_INDEX_URL="https://a.example.com", PIP_CERT="/a.pem", SSL_CERT_FILE="/b.pem")
    assert (given["UV_DEFAULT_INDEX"], given["SSL_CERT_FILE"]) == ("https://a.example.com", "/a.pem")
    given = settings_of_uv(tmp_path, PIP_INDEX_URL="https://a.example.com", UV_DEFAULT_INDEX="https://b.example.com")
    assert given["UV_DEFAULT_INDEX"] == "https://b.example.com"


def test_without_settings_uv_trusts_the_authorities_of_the_system(tmp_path: Path) -> None:
    given = settings_of_uv(tmp_path)
    assert given["UV_SYSTEM_CERTS"] == "true"
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE"} & set(given)
