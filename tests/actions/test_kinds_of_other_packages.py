"""A kind from another package works without a change here: the documented example is installed and run."""

import importlib
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions import catalog
from actions.contract import Contact
from desk.setup.forms import action_form
from tests.actions.helpers import planned, run

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-an-action.md"
FILE = re.compile(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"## Testing a kind.*?```python\n(.*?)```", re.DOTALL)

Install = Callable[[dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package on the path the way an installer does: its modules, and a dist-info with its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(files: dict[str, str]) -> None:
        project = tomllib.loads(files["pyproject.toml"])["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        lines = [
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
            for group, entries in project["entry-points"].items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for name, text in files.items():
            if name.endswith(".py"):
                (tmp_path / name).write_text(text)
        importlib.invalidate_caches()
        catalog.reload()

    yield put
    monkeypatch.undo()
    importlib.invalidate_caches()
    catalog.reload()


def example() -> dict[str, str]:
    return dict(FILE.findall(DOCUMENT.read_text()))


def package(name: str, code: str, kind: str) -> dict[str, str]:
    """Return a small package with one entry point."""
    entry = f'[project.entry-points."send_gate.kinds"]\n{kind} = "{name}:{kind}"\n'
    return {"pyproject.toml": f'[project]\nname = "{name}"\nversion = "1.0"\n{entry}', f"{name}.py": code}


def test_the_documented_package_is_found_configured_and_run(install: Install) -> None:
    assert "email_domain" not in catalog.kinds()
    install(example())
    assert catalog.problems() == ()
    action = planned("email_domain", {"domains": ["example.com"]}, identifier="own-staff")
    contacts = [
        Contact("A-1", {"email": "a@Example.com"}),
        Contact("A-2", {"properties": {"Email": "b@example.net"}}),
        Contact("A-3", {}),
    ]
    result = run([action], contacts)
    assert [verdict.word for verdict in result.verdicts] == ["reject", "accept", "undecided"]
    assert result.action == ["own-staff", "", "own-staff"]


@pytest.mark.django_db
def test_the_documented_package_gets_a_form(install: Install) -> None:
    install(example())
    form = action_form(catalog.kind("email_domain"))(
        data={"identifier": "x", "config__domains": "example.com, example.net", "config__field": ""}
    )
    form.is_valid()
    assert form.instance.config == {"domains": ["example.com", "example.net"], "field": "email"}


def test_the_documented_test_passes(install: Install) -> None:
    install(example())
    match = TEST.search(DOCUMENT.read_text())
    assert match
    exec(match[1], {})


KIND = """
from actions.contract import ACCEPT, Check, Phase
class Mine(Check):
    {}
    def check(self, page, context):
        return [ACCEPT for contact in page]
"""


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (
            KIND.format('name = "field_rule"; title = "Mine"'),
            "is taken by actions.catalog.field_rule.kind.FieldRule",
        ),
        (KIND.format('title = "Mine"'), "has no name"),
        (KIND.format('name = "mine"'), "has no title"),
        (KIND.format('name = "mine"; title = "Mine"; phase = Phase.ENRICH'), "is a check and says the phase"),
        (KIND.format('name = "mine"; title = "Mine"; Config = dict'), "pydantic"),
        ("Mine = 3\n", "is not a class made from"),
        ("import a_module_that_is_not_there\n", "ModuleNotFoundError"),
    ],
)
def test_a_kind_that_cannot_be_used_is_reported_and_not_offered(install: Install, code: str, fault: str) -> None:
    name, built_in = f"kind_{abs(hash(fault)) % 10**6}", set(catalog.kinds())
    install(package(name, code, "Mine"))
    (problem,) = catalog.problems()
    assert fault in problem and name in problem
    assert set(catalog.kinds()) == built_in
    assert catalog.kind("field_rule").__module__ == "actions.catalog.field_rule.kind"
