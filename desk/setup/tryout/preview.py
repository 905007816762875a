"""Result of a typed configuration for an example contact, before it is saved. Calls no host and stores nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError as InvalidForm
from django.utils.translation import gettext
from pydantic import BaseModel, ValidationError, create_model

from actions.config.errors import sentences
from actions.contract import Contact, Context, Permanent, Shown
from desk.setup.forms import PREFIX, ActionForm, config_values

BATCH = 1
# Placeholder for a code of a pool, so that no code is taken.
CODE = "EXAMPLE-CODE"
JOURNEY, SENDOUT = "Welcome", "Day 1"
# Skip at most this many faulty values, to show what is right already.
_FAULTS = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and its form field ("": none)."""

    field: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview and the faults. Values that are only missing yet are no faults."""

    shown: Sequence[Shown]
    faults: Sequence[Fault]


def previewed(form: ActionForm, contact: Contact) -> Preview:
    """Parse the typed values as saving would, and return their result."""
    form.is_valid()
    kind = form.kind_class
    if kind is None:
        return Preview((), ())
    faults = list(_faults(form))
    config, of_the_whole = _parse_config(kind.Config, config_values(kind.Config, dict(_parse_fields(form))))
    if config is None:
        return Preview((), faults or [Fault("", "", each) for each in of_the_whole])
    given = contact.fields.get("given")
    contact.given = {"code": CODE} | (dict(given) if isinstance(given, Mapping) else {})
    try:
        return Preview(kind(config).shows(contact, _context(form)), faults)
    except Exception:
        # A kind may fail to build with values missing; saving reports that.
        return Preview((), faults)


def _parse_fields(form: ActionForm) -> Iterator[tuple[str, Any]]:
    """Return the values that the form's fields can parse, including those that the configuration refuses."""
    for name, field in form.fields.items():
        if name.startswith(PREFIX):
            with suppress(InvalidForm):
                yield name, field.clean(form[name].data)


def _faults(form: ActionForm) -> Iterator[Fault]:
    for name, errors in form.errors.as_data().items():
        if not name.startswith(PREFIX):
            continue
        for error in errors:
            if error.code != "required":
                yield Fault(name, str(form.fields[name].label), "".join(map(str, error.messages)))


def _parse_config(config: type[BaseModel], raw: Mapping[str, Any]) -> tuple[BaseModel | None, list[str]]:
    """Return the configuration without its wrong or missing values, and the faults of the whole."""
    values = {name: dict(each) if isinstance(each, dict) else each for name, each in raw.items()}
    lenient: dict[str, Any] = {}
    for _ in range(_FAULTS):
        wanted = create_model(f"Lenient{config.__name__}", __base__=config, **lenient) if lenient else config
        try:
            return wanted.model_validate(values), []
        except ValidationError as error:
            whole = [sentence for path, sentence in sentences(error, gettext) if not path]
            paths = [each["loc"] for each in error.errors(include_url=False, include_input=False) if each["loc"]]
            if not paths:
                return None, whole
            for name, *inner in paths:
                value = values.get(str(name))
                if inner and isinstance(value, dict):
                    value.pop(inner[0], None)
                elif str(name) in values:
                    del values[str(name)]
                else:
                    lenient[_attribute(config, str(name))] = (Any, None)
    return None, []


def _attribute(config: type[BaseModel], alias: str) -> str:
    return next((name for name, info in config.model_fields.items() if (info.alias or name) == alias), alias)


def _context(form: ActionForm) -> Context:
    """Return the names of the definition's sendout; for a project, those of any of its sendouts."""
    sendout = form.cleaned_data.get("sendout") or form.instance.sendout
    project = form.cleaned_data.get("project") or form.instance.project or (sendout.project if sendout else None)
    if sendout is None and project is not None:
        sendout = project.sendouts.filter(archived=False).order_by("-pk").first()
    return Context(
        project=project.name if project else "",
        journey=sendout.journey if sendout else JOURNEY,
        sendout=sendout.name if sendout else SENDOUT,
        details={},
        time_left=lambda: 0.0,
        http=_nobody,
        credential=lambda name: _nobody(),
    )


def _nobody() -> Any:
    raise Permanent("A preview asks nobody.")
