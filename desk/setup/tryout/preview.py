"""The preview of a definition for an example contact while it is typed. Nothing is called or stored."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as InvalidForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ValidationError, create_model

from actions import access
from actions.config.errors import sentences
from actions.contract import Contact, Context, Permanent, Shown
from actions.models import ActionDefinition
from actions.names import EMPTY_WORDS, fold_words
from desk.bases import show_page
from desk.setup.forms import PREFIX, ActionForm, config_values
from sendouts.inquiries.trial import NoContact, read_contact

# Longest part of one text that is shown.
_LONGEST = 5_000
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
    project, sendout = form.place(form.cleaned_data)
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
        empty_words=fold_words(project.empty_words if project else EMPTY_WORDS),
    )


def _nobody() -> Any:
    raise Permanent("A preview asks nobody.")


@require_POST
@sensitive_post_parameters("preview_contact")
def preview_new_action(request: HttpRequest) -> HttpResponse:
    """Preview a definition that is not stored yet; the query holds its kind, as on its form."""
    if not request.user.has_perm("actions.add_actiondefinition"):
        raise PermissionDenied
    return _preview(request, None)


@require_POST
@sensitive_post_parameters("preview_contact")
def preview_action(request: HttpRequest, definition_id: int) -> HttpResponse:
    """Show the result for the example contact; requires permission to change the definition."""
    if not request.user.has_perm("actions.change_actiondefinition"):
        raise PermissionDenied
    seen = access.within(request.user, "project", "sendout__project")
    rows = ActionDefinition.objects.filter(seen).select_related("project", "sendout__project")
    return _preview(request, get_object_or_404(rows, pk=definition_id))


def _preview(request: HttpRequest, definition: ActionDefinition | None) -> HttpResponse:
    form_class = admin.site.get_model_admin(ActionDefinition).get_form(request, definition, change=bool(definition))
    form = cast(ActionForm, form_class(request.POST, instance=definition))
    context: dict[str, Any] = {"lines": [], "faults": []}
    try:
        row = read_contact(request.POST.get("preview_contact", "")[:100_000])
    except NoContact as refusal:
        context["faults"] = [Fault("preview_contact", gettext("Example contact"), str(refusal))]
    else:
        found = previewed(form, Contact(row.contact_id, row.fields, BATCH << 32))
        context |= {"lines": [_line(each) for each in found.shown], "faults": found.faults}
    if request.POST.get("part"):
        return TemplateResponse(request, "desk/setup/previewed.html", context)
    return show_page(request, "setup/preview_page.html", gettext("Preview"), ActionDefinition, **context)


def _line(shown: Shown) -> tuple[str, str, str | None, bool]:
    """Return the label, the name, the text (None: no value), and whether the text was cut."""
    text = shown.text
    return gettext(shown.title), shown.name, text and text[:_LONGEST], text is not None and len(text) > _LONGEST
