"""What is written down is true: settings, examples, commands, links and the words of the logs."""

import ast
import base64
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from django.conf import settings
from pydantic import BaseModel

from actions import catalog
from actions.config import apply
from actions.config import file as config_file
from actions.models import SuppressionList
from gateway import __version__
from gateway.run import processes
from gateway.settings import env
from notices import outbox
from notices.alarms.findings import NOT_READY
from notices.models import Code
from sendouts.models import Attention

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "simulator/README.md"])
PRODUCTION = (ROOT / "docs/production.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
# Read by docker/compose.yaml, not by the gateway.
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "PUBLISH", "VERSION"}
# Settings whose default the example shows as it is.
SAME = """
    SYMPLIFY_TIMEOUT CLAIM_SECONDS SWEEP_SECONDS SYMPLIFY_METHOD SYMPLIFY_CONCURRENCY WORKER_CONCURRENCY
    RETENTION_DAYS WEBHOOK_MAX_BYTES HOST PORT TIME_ZONE REFUSAL_REJECTS REFUSAL_FINISHES
    SYMPLIFY_ALLOW_HTTP OUTBOUND_ALLOW_HTTP LOG_LEVEL DEBUG KEEP_ALIVE_SECONDS PAGE_SECONDS
"""


def example_lines() -> dict[str, str]:
    """The names in .env.example, commented or not, with their values."""
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_environment_has_the_names_that_the_settings_read() -> None:
    assert len(env.asked) > 30
    written = {name for name in example_lines() if not name.startswith("CREDENTIAL_")}
    # The file cannot say where it is itself.
    assert written - COMPOSE_ONLY == env.asked - {"ENV_FILE"}


def test_production_explains_every_setting_and_no_other() -> None:
    table = PRODUCTION.split("## Settings")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    explained = {name for cell in first_cells for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)}
    assert explained == env.asked


def test_the_settings_take_the_whole_example(tmp_path: Path) -> None:
    lines = example_lines() | {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "WEBHOOK_BASIC_AUTH": "hook:secret",
        "WEBHOOK_HEADER_NAME": "X-Token",
        "WEBHOOK_HEADER_TOKENS": "a,b",
        "DATA_DIR": str(tmp_path),
    }
    file = tmp_path / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    said = manage("check", "--deploy", "--fail-level", "WARNING", ENV_FILE=str(file))
    assert said.returncode == 0, said.stderr


def test_the_defaults_of_the_example_are_the_settings_own(tmp_path: Path) -> None:
    commented = dict(re.findall(r"^# ([A-Z][A-Z0-9_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    told = {name: commented[name] for name in SAME.split()}
    program = f"from django.conf import settings; print([str(getattr(settings, name)) for name in {list(told)}])"
    said = run(
        [sys.executable, "-c", program],
        ROOT,
        ENV_FILE="/nonexistent",
        DATA_DIR=str(tmp_path),
        DJANGO_SETTINGS_MODULE="gateway.settings",
    )
    defaults = ast.literal_eval(said.stdout)
    assert [same(value) for value in defaults] == [same(value) for value in told.values()]


def same(value: str) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value.lower()


def yaml_example() -> str:
    page = (ROOT / "docs/configuration.md").read_text()
    return page.split("<!-- tested:")[1].split("```yaml\n")[1].split("```")[0]


@pytest.mark.django_db
def test_the_configuration_example_applies_and_then_changes_nothing() -> None:
    content = config_file.read(yaml_example())
    SuppressionList.objects.create(name="Opposition")
    assert len(apply.apply(content)) == 11
    assert apply.apply(content) == []


def test_the_configuration_example_has_every_key() -> None:
    raw = yaml.safe_load(yaml_example())
    project = raw["projects"][0]
    sendout = project["sendouts"][0]
    assert set(project) == set(config_file.ProjectEntry.model_fields)
    assert set(sendout) == set(config_file.SendoutEntry.model_fields)
    assert set(project["keep"]) == set(config_file.KeepEntry.model_fields)
    actions = project["actions"] + sendout["actions"]
    assert {key for action in actions for key in action} == set(config_file.ActionEntry.model_fields)
    assert {action["kind"] for action in actions} == set(built_in_kinds())
    for action in project["actions"]:
        assert set(action["config"]) == set(built_in_kinds()[action["kind"]].model_fields)


def built_in_kinds() -> dict[str, type[BaseModel]]:
    return {
        name: kind.Config for name, kind in catalog.kinds().items() if kind.__module__.startswith("actions.catalog.")
    }


def test_the_configuration_page_names_every_key_of_the_kinds_and_every_policy() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    keys = {key for config in built_in_kinds().values() for key in config.model_fields}
    policies = {value for kind in (config_file.Review, config_file.AtDeadline) for value in get_args(kind)}
    missing = {word for word in keys | policies if f"`{word}`" not in page}
    assert not missing


def compose() -> dict[str, dict[str, object]]:
    return yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "name", ["web", "worker", "worker-files", "worker-downloads", "worker-services", "sweep", "beat"]
)
def test_compose_runs_what_the_supervisor_runs(name: str) -> None:
    # Processes that the supervisor does not start run Django's checks themselves.
    expected = ["python", *(part for part in processes.commands()[name] if part != processes.UNCHECKED)]
    written = [
        part.replace("${WORKER_CONCURRENCY:-4}", str(settings.WORKER_CONCURRENCY))
        for part in compose()[name]["command"]
    ]
    assert written == expected


def test_compose_is_one_image_with_one_published_port_and_no_secret() -> None:
    services = compose()
    # The version's own tag by default, so that the image of the one before stays.
    image = f"send-gate-gateway:${{VERSION:-{__version__}}}"
    ours = {name for name in services if services[name]["image"] == image}
    assert ours == {
        *("door", "door-2", "web", "migrate", "worker", "worker-files", "worker-downloads", "worker-services"),
        *("sweep", "beat", "sqs"),
    }
    assert [name for name in services if "build" in services[name]] == ["migrate"]
    assert [name for name in services if "ports" in services[name]] == ["proxy"]
    assert services["door"]["command"] == ["python", "manage.py", "serve", "--door"]
    assert services["door-2"] == services["door"]
    assert services["migrate"]["build"]["args"] == {"VERSION": image.partition(":")[2]}
    # Who takes hooks waits for nothing, and the proxy for the doors alone.
    waits = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    assert not waits["door"] | waits["web"] and waits["proxy"] == {"door", "door-2"}
    assert {name for name, others in waits.items() if "migrate" in others} == ours - {
        "door",
        "door-2",
        "web",
        "migrate",
    }
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or ("://" in value and "@" in value):
                assert "${POSTGRES_PASSWORD:?" in value, f"{name}: {key}"
        # Without a queue its reader ends well, and stays down.
        restarts = {"migrate": "no", "sqs": "on-failure"}.get(name, "unless-stopped")
        assert service["restart"] == restarts, name
        assert "healthcheck" in service or name == "web", name


def test_who_writes_or_reads_the_journal_or_the_spool_does_so_on_a_named_volume() -> None:
    for name in ("door", "web", "worker-files", "worker-downloads", "worker-services", "sweep"):
        service = compose()[name]
        assert service["volumes"] == [f"data:{service['environment']['DATA_DIR']}"], name
    assert "data" in yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["volumes"]


def test_the_proxy_leads_hooks_to_a_door_or_else_to_web_and_the_rest_to_web() -> None:
    text = (ROOT / "docker/nginx.conf").read_text()
    tries = re.findall(r"location (\S+) \{[^}]*?proxy_read_timeout (\d+)ms;[^}]*?error_page 502 504 = (@\w+);", text)
    assert [(place, other) for place, _, other in tries] == [
        ("/webhooks/", "@second_door"),
        ("@second_door", "@last_door"),
    ]
    # For the whole server: it must hold where the first error arises.
    assert text.index("recursive_error_pages on;") < text.index("location /webhooks/")
    # The platform waits one second, for all of them.
    assert int(tries[0][1]) <= 500 and sum(int(wait) for _, wait, _ in tries) < 1_000
    places = dict(re.findall(r"location (\S+) \{.*?proxy_pass (\$\w+);", text, re.DOTALL))
    targets = dict(re.findall(r"set (\$\w+)\s+http://(\S+);", text))
    ports = {name: f"{name}:{compose()[name]['environment']['PORT']}" for name in ("door", "door-2", "web")}
    assert {path: targets[variable] for path, variable in places.items()} == {
        "/webhooks/": ports["door"],
        "@second_door": ports["door-2"],
        "@last_door": ports["web"],
        "/": ports["web"],
    }


def test_going_back_says_of_every_migration_whether_it_may_stay() -> None:
    section = PRODUCTION.split("### Going back")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+\.\d{4}_\w+)` \|", section, re.MULTILINE))
    found = {f"{path.parts[-3]}.{path.stem}" for path in ROOT.glob("*/migrations/0*.py")}
    # The others are older than the first release. Add a new one to the table.
    assert named == found - {"actions.0001_initial", "sendouts.0001_initial", "sendouts.0003_roles"} - {
        "sendouts.0002_events_stay"
    }


def test_the_image_has_all_that_it_needs_and_nothing_private(tmp_path: Path) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    named = [rule[1:].rstrip("/") for rule in rules if rule.startswith("!")]
    assert rules[0] == "*" and not {".env", "var", "tests", ".git"} & set(named)
    image = tmp_path / "image"
    for name in filter(lambda name: (ROOT / name).exists(), named):
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, image / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, image / name)
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    for name in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        assert all(part == "." or part in named for part in name.split()), name
    said = run([sys.executable, "manage.py", "check"], image, DATA_DIR=str(tmp_path / "data"))
    assert said.returncode == 0, said.stderr


def test_the_links_of_all_pages_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path) if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_events_to_watch_are_logged_under_these_words() -> None:
    section = PRODUCTION.split("### Words of the log")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", section, re.MULTILINE)
    words = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    rooms = ("gateway", "desk", "api", "notices", "sendouts", "actions", "work")
    code = "".join(path.read_text() for room in rooms for path in (ROOT / room).rglob("*.py"))
    logged = set(re.findall(r'(?:log\.\w+|Knocks|survive)\(\s*"(\w+)"', code))
    assert len(words) > 8 and words <= logged | {*outbox.SENT.values(), *outbox.NOT_SENT.values()}


def test_every_alarm_is_explained_with_what_it_does_to_readiness() -> None:
    section = PRODUCTION.split("### The alarms")[1].split("\n### ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", section, re.MULTILINE))
    assert set(rows) == set(Code.values)
    assert {code for code, answer in rows.items() if answer == "yes"} == NOT_READY


def test_every_attention_code_is_explained() -> None:
    page = (ROOT / "docs/architecture/stages.md").read_text().split("## What fails")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+) \|", page, re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"`(\w+)`", row)} == {word.value for word in Attention if word}


def test_every_decision_is_listed() -> None:
    pages = {path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    listed = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "docs/adr/README.md").read_text()))
    assert pages and pages == listed


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False, timeout=60
    )


def manage(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "manage.py", *command], ROOT, **environment)
