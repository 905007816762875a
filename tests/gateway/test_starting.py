"""What the gateway refuses to start with, and says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def start(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    given = {"ENV_FILE": "/nonexistent", "DATA_DIR": str(tmp_path)} | environment
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=clean | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_a_credential_for_the_webhook(tmp_path: Path) -> None:
    said = start(tmp_path, "run")
    assert said.returncode != 0 and "WEBHOOK_BASIC_AUTH" in said.stderr


def test_sqlite_beside_a_broker(tmp_path: Path) -> None:
    said = start(tmp_path, "run", WEBHOOK_BASIC_AUTH="a:b", CELERY_BROKER_URL="redis://127.0.0.1:9/0")
    assert said.returncode != 0 and "DATABASE_URL=postgres://" in said.stderr


def test_production_without_a_secret_key(tmp_path: Path) -> None:
    said = start(tmp_path, "check", DATABASE_URL="postgres://gateway@127.0.0.1:9/gateway")
    assert said.returncode != 0 and "SECRET_KEY is not set" in said.stderr


def test_a_header_without_its_tokens(tmp_path: Path) -> None:
    said = start(tmp_path, "check", WEBHOOK_HEADER_NAME="X-Token")
    assert said.returncode != 0 and "WEBHOOK_HEADER_TOKENS" in said.stderr


def test_mails_without_a_mail_server(tmp_path: Path) -> None:
    said = start(tmp_path, "check", ALARM_MAIL_TO="operators@example.com")
    assert said.returncode != 0 and "Set EMAIL_URL too" in said.stderr


def test_alarms_in_a_language_that_nobody_translated(tmp_path: Path) -> None:
    said = start(tmp_path, "check", ALARM_LANGUAGE="de")
    assert said.returncode != 0 and "ALARM_LANGUAGE" in said.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SYMPLIFY_TIMEOUTS=5", "SYMPLIFY_TIMEOUTS in {file} is not a setting (did you mean SYMPLIFY_TIMEOUT?)."),
        ("databse_url=postgres://x", "databse_url in {file} is not a setting (did you mean DATABASE_URL?)."),
        ("ZZZZ=1", "ZZZZ in {file} is not a setting."),
        ("PORT = 9000", "{file}, line 2: write NAME=value"),
    ],
)
def test_a_file_with_a_name_that_is_no_setting(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "env"
    file.write_text(f"# A comment\n{line}\n")
    said = start(tmp_path, "check", ENV_FILE=str(file))
    assert said.returncode != 0 and words.format(file=file) in said.stderr


def test_a_file_in_which_other_programs_have_names_too(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("AWS_REGION=eu-west-3\nPOSTGRES_PASSWORD=x\nhttps_proxy=\nCREDENTIAL_CRM=bearer:x\n  # spaces\n\n")
    said = start(tmp_path, "check", ENV_FILE=str(file))
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("WEBHOOK_BASIC_AUHT", "WEBHOOK_BASIC_AUTH"), ("CREDENTIALS_CRM", None), ("ENCRYPTION_KEY", "ENCRYPTION_KEYS")],
)
def test_a_variable_that_begins_like_a_setting_and_is_none(tmp_path: Path, name: str, nearest: str | None) -> None:
    said = start(tmp_path, "check", **{name: "bearer:secret"})
    hint = f" (did you mean {nearest}?)" if nearest else ""
    assert said.returncode != 0 and f"{name} is not a setting{hint}." in said.stderr
    assert "bearer:secret" not in said.stderr


def test_variables_of_other_programs_and_services(tmp_path: Path) -> None:
    given = {"WEBHOOK_SERVICE_HOST": "10.0.0.1", "WEBHOOK_PORT_80_TCP_ADDR": "10.0.0.1", "SETTINGS_OF_OTHERS": "1"}
    said = start(tmp_path, "check", **given)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("url", ["mysql://db.example.com/x", "oracle://db.example.com/x"])
def test_a_database_that_is_neither_of_the_two(tmp_path: Path, url: str) -> None:
    said = start(tmp_path, "check", DATABASE_URL=url, SECRET_KEY="x" * 50)
    assert said.returncode != 0 and "DATABASE_URL: use postgres" in said.stderr


def test_the_embedded_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    assert start(tmp_path, "check").returncode == 0
    made = (tmp_path / "secret_key").read_text()
    assert start(tmp_path, "check").returncode == 0
    assert (tmp_path / "secret_key").read_text() == made and len(made) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
