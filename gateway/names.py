"""Refuse unknown settings: a misspelt name would otherwise keep its default in force, unnoticed."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# In the process environment, check only names with these prefixes: all others may belong to other programs.
OURS = (
    "ALARM_",
    "CHUNK_",
    "CLAIM_",
    "CREDENTIAL",
    "DOOR_WATCH_",
    "ENCRYPTION_KEY",
    "LATER_MIGRATIONS",
    "METRICS_TOKEN",
    "OUTBOUND_",
    "REFUSAL_",
    "RETENTION_",
    "SECRET_KEY_FALLBACK",
    "SQS_",
    "SWEEP_",
    "SYMPLIFY_",
    "TRUSTED_PROX",
    "URI_RETENTION_",
    "WEBHOOK_",
)
# Kubernetes and Docker add such names for each neighbouring service, and a service may be called “webhook”.
_OF_A_SERVICE = re.compile(r".+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")
# Names that other programs read from the same file: compose, AWS's credential chain, Django's commands, Python.
_OF_OTHERS = re.compile(
    r"POSTGRES_PASSWORD|PUBLISH|VERSION|AWS_\w+|COMPOSE_\w+|DJANGO_\w+|PYTHON\w+|TZ|LANG|LC_\w+|SSL_CERT_(FILE|DIR)|(?i:\w+_PROXY)"
)
_CREDENTIAL = re.compile(r"CREDENTIAL_\w+")
# A line that django-environ reads; it skips all others.
_LINE = re.compile(r"(?:export )?([A-Za-z_0-9]+)=.*")


class CheckedEnv(environ.Env):
    """django-environ's reader, which records the requested names: these are the known ones."""

    def __init__(self, file: Path) -> None:
        """Read `file` into the environment, without replacing values that are set there."""
        super().__init__()
        self.asked = {"ENV_FILE"}
        self._file = file
        self.read_env(file)

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        self.asked.add(var)
        return super().get_value(var, *args, **kwargs)

    def refuse_unknown(self) -> None:
        """Raise ImproperlyConfigured if a set name was never requested. Call it after the last setting."""
        in_file = list(_names_in(self._file))
        unknown = {name: f" in {self._file}" for name in in_file if not _OF_OTHERS.fullmatch(name)} | {
            name: "" for name in self.ENVIRON if name.startswith(OURS) and name not in in_file
        }
        sentences = [
            f"{name}{place} is not a setting{_nearest(name, self.asked)}."
            for name, place in unknown.items()
            if name not in self.asked and not _CREDENTIAL.fullmatch(name) and not _OF_A_SERVICE.fullmatch(name)
        ]
        if sentences:
            raise ImproperlyConfigured(" ".join([*sentences, "docs/production.md lists all names."]))


def _names_in(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            # Do not show the line: it may contain a secret.
            raise ImproperlyConfigured(f"{file}, line {number}: write NAME=value, without spaces around the name.")
        yield found[1]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.upper(), known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
