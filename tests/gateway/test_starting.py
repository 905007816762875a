"""What the gateway refuses to start with, and says why."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway.environment import is_on_disk
from gateway.names import CheckedEnv

ROOT = Path(__file__).resolve().parent.parent.parent


def start(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a clean environment, as a start does."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    given = clean | {"ENV_FILE": "/nonexistent", "DATA_DIR": str(tmp_path)} | environment
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DATABASE_URL": "postgres://gateway@127.0.0.1:9/gateway"}, "SECRET_KEY is not set"),
        ({"WEBHOOK_HEADER_NAME": "X-Token"}, "WEBHOOK_HEADER_TOKENS"),
        ({"ALARM_MAIL_TO": "operators@example.com"}, "Set EMAIL_URL too"),
        ({"ALARM_LANGUAGE": "de"}, "ALARM_LANGUAGE"),
        ({"DATABASE_URL": "mysql://db.example.com/x", "SECRET_KEY": "x" * 50}, "DATABASE_URL: use postgres"),
        ({"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}, "DATABASE_URL=postgres://"),
        *(
            ({name: f"{scheme}://gateway:{password}@db.example.com/0"}, f"{name}: write '#', '/', '?', '@' and '%'")
            for name, scheme in (("DATABASE_URL", "postgres"), ("CELERY_BROKER_URL", "redis"))
            for password in ("secret#key", "secret/key", "12/key", "secret?key", "secret@key", "secret%key")
        ),
        ({"DATABASE_URL": "postgres://db.example.com:secret-key/gateway"}, "number of the port"),
        *(
            ({"SPOOL_URL": url}, "SPOOL_URL: write s3://bucket/prefix")
            for url in ("https://storage.example.com/bucket", "s3://id:secret-key@bucket", "s3://bucket/a?secret=key")
        ),
        ({"ENCRYPTION_KEY": "secret-key"}, "ENCRYPTION_KEY is not a setting (did you mean ENCRYPTION_KEYS?)."),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    said = start(tmp_path, "-c", "import gateway.settings", **environment)
    assert said.returncode != 0 and words in said.stderr
    assert not re.search("secret[-#/?@%]key", said.stderr)


def test_without_a_credential_for_the_webhook_nothing_runs(tmp_path: Path) -> None:
    said = start(tmp_path, "manage.py", "run")
    assert said.returncode != 0 and "WEBHOOK_BASIC_AUTH" in said.stderr


def test_a_second_embedded_gateway_does_not_start_on_the_same_folder(tmp_path: Path) -> None:
    with (tmp_path / "embedded.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = start(tmp_path, "manage.py", "run", WEBHOOK_BASIC_AUTH="hook:secret")
    assert said.returncode != 0 and f"Another gateway already runs on {tmp_path}" in said.stderr
    # It ended before it touched the database, where the first one's claims are.
    assert not (tmp_path / "gateway.sqlite3").exists()


def test_the_embedded_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    given = {"WEBHOOK_SERVICE_HOST": "10.0.0.1", "WEBHOOK_PORT_80_TCP_ADDR": "10.0.0.1", "SETTINGS_OF_OTHERS": "1"}
    made = []
    for _ in range(2):
        said = start(tmp_path, "-c", "import gateway.settings", **given)
        assert said.returncode == 0, said.stderr
        made.append((tmp_path / "secret_key").read_text())
    assert made[0] == made[1] and len(made[0]) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read a file and an environment as the settings do, and ask for three names."""

    def read(text: str, **environment: str) -> None:
        monkeypatch.setattr(CheckedEnv, "ENVIRON", environment)
        file = tmp_path / "env"
        file.write_text(f"# A comment\n{text}\n")
        env = CheckedEnv(file)
        for name in ("SYMPLIFY_TIMEOUT", "DATABASE_URL", "WEBHOOK_BASIC_AUTH"):
            env.str(name, default="")
        env.refuse_unknown()

    return read


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SYMPLIFY_TIMEOUTS=5", "SYMPLIFY_TIMEOUTS in {file} is not a setting (did you mean SYMPLIFY_TIMEOUT?)."),
        ("databse_url=postgres://x", "databse_url in {file} is not a setting (did you mean DATABASE_URL?)."),
        ("ZZZZ=1", "ZZZZ in {file} is not a setting."),
        ("PORT = 9000", "{file}, line 2: write NAME=value"),
    ],
)
def test_a_file_with_a_name_that_is_no_setting(read: Any, tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(line)
    assert words.format(file=tmp_path / "env") in str(refused.value)


@pytest.mark.parametrize(
    ("name", "hint"), [("WEBHOOK_BASIC_AUHT", " (did you mean WEBHOOK_BASIC_AUTH?)"), ("CREDENTIALS_CRM", "")]
)
def test_a_variable_that_begins_like_a_setting_and_is_none(read: Any, name: str, hint: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read("", **{name: "bearer:secret"})
    assert f"{name} is not a setting{hint}." in str(refused.value) and "bearer" not in str(refused.value)


def test_names_of_other_programs_and_services_are_left_alone(read: Any) -> None:
    read("AWS_REGION=eu-west-3\nPOSTGRES_PASSWORD=x\nhttps_proxy=\nCREDENTIAL_CRM=bearer:x\n  # spaces\n")
    read("", WEBHOOK_SERVICE_HOST="10.0.0.1", WEBHOOK_PORT_80_TCP_ADDR="10.0.0.1", SETTINGS_OF_OTHERS="1")


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /run rw - tmpfs tmpfs rw
24 22 0:40 / /srv/net rw master:5 - nfs4 server:/x rw
25 24 8:2 / /srv/net/disk rw - xfs /dev/vdb rw
26 22 0:41 / /mnt/my\040disk rw - btrfs /dev/vdc rw
27 22 8:3 / /twice rw - ext4 /dev/vdd rw
28 27 0:42 / /twice rw - overlay overlay rw
"""


@pytest.mark.parametrize(
    ("folder", "disk"),
    [
        ("/var/lib/gateway", True),
        ("/run/gateway", False),
        ("/runner", True),
        ("/srv/net/x", False),
        ("/srv/net/disk/x", True),
        ("/mnt/my disk/x", True),
        ("/twice/x", False),
    ],
)
def test_the_journal_is_on_by_default_where_the_folder_is_on_a_local_disk(folder: str, disk: bool) -> None:
    assert is_on_disk(Path(folder), MOUNTS) is disk
    assert not is_on_disk(Path(folder), "")
