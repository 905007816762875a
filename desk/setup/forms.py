"""Forms generated from configuration: the typed fields of a kind, and durations and lists as people write them."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal, get_args, get_origin

from django import forms
from django.utils.translation import gettext as now_translated
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from actions.catalog.shared.one_of import OneOf
from actions.config import durations, references, reviewers
from actions.config.errors import Path, sentences
from actions.contract import Kind
from actions.models import (
    LONGEST_ANSWER,
    LONGEST_EXPECTED,
    SHORTEST_ANSWER,
    SHORTEST_EXPECTED,
    ActionDefinition,
    Project,
    Sendout,
)
from actions.names import proposed_words
from desk.setup.pairs import LinesField, Pairs

PREFIX = "config__"
OPERATOR = "__operator"


def config_fields(config: type[BaseModel], seen: Collection[int] | None = None) -> dict[str, forms.Field]:
    """Return form fields by name, two for alternatives: choice, value. seen: projects of offered lists; None: all."""
    fields: dict[str, forms.Field] = {}
    for name, info in config.model_fields.items():
        options: dict[str, Any] = {
            "label": _(info.title or name),
            "help_text": _(info.description) if info.description else "",
            "required": info.is_required(),
        }
        alternatives = _find_alternatives(info)
        if alternatives is not None:
            choices = [(key, _(title)) for key, title in alternatives.choices().items()]
            choice = {"label": options["label"], "choices": choices, "required": info.is_required()}
            fields[PREFIX + name + OPERATOR] = forms.ChoiceField(widget=UnfoldAdminSelectWidget, **choice)
            options |= {"label": _("Value"), "required": False}
        fields[PREFIX + name] = _field(info, options, seen)
    return fields


def _field(info: FieldInfo, options: dict[str, Any], seen: Collection[int] | None) -> forms.Field:
    if offered := references.choices(info, seen):
        return forms.ChoiceField(choices=offered, widget=UnfoldAdminSelectWidget, **options)
    if get_origin(info.annotation) is Literal:
        extra = info.json_schema_extra
        labels: Mapping[str, Any] = extra if isinstance(extra, dict) else {}
        choices = [(each, _(str(labels.get(each, each)))) for each in get_args(info.annotation)]
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **options)
    if get_origin(info.annotation) is dict:
        return Pairs(**options)
    if info.annotation is bool:
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget, **{**options, "required": False})
    if info.annotation is int:
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **options)
    if info.annotation is float:
        return forms.FloatField(widget=UnfoldAdminDecimalFieldWidget, **options)
    return forms.CharField(widget=UnfoldAdminTextInputWidget, **options)


def _find_alternatives(info: FieldInfo) -> type[OneOf] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, OneOf) else None


def config_initial(config: type[BaseModel], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial values for a stored configuration; values that are not stored show their default."""
    initial: dict[str, Any] = {}
    for name, info in config.model_fields.items():
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        value = stored.get(info.alias or name, default)
        alternatives = _find_alternatives(info)
        if alternatives is not None:
            if isinstance(value, Mapping) and value:
                operator, operand = next(iter(value.items()))
                wanted = _alternative(alternatives, operator)
                shown = "" if wanted is bool and operand is True else _write_value(wanted, operand)
                initial |= {PREFIX + name + OPERATOR: operator, PREFIX + name: shown}
        elif value is not None:
            initial[PREFIX + name] = _write_value(info.annotation, value)
    return initial


def config_values(config: type[BaseModel], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed configuration, without empty fields, for pydantic to validate."""
    values: dict[str, Any] = {}
    for name, info in config.model_fields.items():
        typed = cleaned.get(PREFIX + name)
        alternatives = _find_alternatives(info)
        if alternatives is not None:
            operator = cleaned.get(PREFIX + name + OPERATOR)
            if operator:
                wanted = _alternative(alternatives, operator)
                # An alternative that is only a flag needs no value beside it.
                typed = typed or ("true" if wanted is bool else "")
                values[info.alias or name] = {operator: typed if wanted is str else _read(wanted, typed)}
        elif typed not in (None, ""):
            values[info.alias or name] = _read(info.annotation, typed) if isinstance(typed, str) else typed
    return values


def _alternative(alternatives: type[OneOf], operator: str) -> Any:
    """Return the type of the value that belongs to an operator."""
    fields = alternatives.model_fields.items()
    return next((info.annotation for name, info in fields if (info.alias or name) == operator), None)


def _is_text(wanted: Any) -> bool:
    return wanted is str or get_origin(wanted) is Literal


def _read(wanted: Any, typed: str) -> Any:
    """Parse typed text by its type: text as it is, a list as JSON or with commas, else JSON, else text."""
    if _is_text(wanted):
        return typed
    value = _as_json(typed)
    if get_origin(wanted) in (list, tuple) and not isinstance(value, list):
        item = get_args(wanted)[0]
        return [_read(item, part.strip()) for part in typed.split(",") if part.strip()]
    return value


def _write_value(wanted: Any, value: Any) -> Any:
    """Write a value so that `_read` returns it: for types read as JSON, quote text that looks like JSON."""
    if isinstance(value, bool | int | float) and wanted in (bool, int, float):
        return value
    if get_origin(wanted) is dict:
        return value
    if isinstance(value, str) and (_is_text(wanted) or isinstance(_as_json(value), str)):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(word: str) -> None:
    """Refuse NaN and Infinity, which JSON does not have, so that they are read as text."""
    raise ValueError(word)


class TypedDuration(forms.CharField):
    """A duration typed and shown as 60 min; `limits` are the shortest, the longest, and the sentence that says so."""

    widget = UnfoldAdminTextInputWidget
    limits: tuple[timedelta, timedelta, Any]

    def prepare_value(self, value: Any) -> Any:
        return durations.show(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or isinstance(value, timedelta):
            return value or None
        try:
            duration = durations.read_typed(str(value))
        except ValueError:
            raise forms.ValidationError(_("Give a whole number and a unit, such as 60 min.")) from None
        shortest, longest, sentence = self.limits
        if not shortest <= duration <= longest:
            raise forms.ValidationError(sentence)
        return duration

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class AnswerWithin(TypedDuration):
    """Longest time that the platform waits for an answer."""

    limits = SHORTEST_ANSWER, LONGEST_ANSWER, _("Give between 10 seconds and 30 days.")


class ExpectEvery(TypedDuration):
    """Interval at which a sendout is expected."""

    limits = SHORTEST_EXPECTED, LONGEST_EXPECTED, _("Give between 1 minute and 400 days.")


REVIEW_HELP = _(
    "What nobody could judge always waits. “Also what is unusual” adds batches unlike those before; “every batch” "
    "adds all others."
)
AT_DEADLINE_HELP = _(
    "Shortly before time is up: leave it, and all its contacts take the “timed out” way; accept it, and those whom "
    "the checks accepted get the message; reject it, and nobody does."
)


class ProjectForm(forms.ModelForm):
    """A project; saving it here declares it."""

    answer_within = AnswerWithin(
        label=_("Answer within"), initial="60 min", help_text=_("From the hook. Campaigns always have 60 min.")
    )
    keep_fields = LinesField(
        label=_("Fields to keep"), required=False, help_text=_("One a line, such as properties.city.")
    )
    show_fields = LinesField(
        label=_("Fields to show"),
        required=False,
        help_text=_("Those of the fields above that reviewers see as they are. The others are masked: m•••7@•••.com."),
    )

    empty_words = LinesField(
        label=_("Words for nothing"),
        required=False,
        initial=proposed_words,
        help_text=_("One a line. Capitals do not count. Batches that are planned already keep their words."),
    )

    class Meta:
        model = Project
        fields = (
            "name",
            "review",
            "at_deadline",
            "answer_within",
            "keep_contacts",
            "keep_fields",
            "show_fields",
            "empty_words",
            "second_person_from",
            "no_own_changes",
            "archived",
        )
        help_texts = {"review": REVIEW_HELP, "at_deadline": AT_DEADLINE_HELP}

    def clean(self) -> dict[str, Any]:
        self.instance.declared = True
        cleaned = super().clean() or self.cleaned_data
        for name in ("second_person_from", "no_own_changes"):
            # Refuse only to switch it on: if people left later, the page warns, and other changes stay possible.
            if name in self.changed_data and cleaned.get(name) and (problem := reviewers.too_few(self.instance)):
                self.add_error(name, problem)
        return cleaned


class SendoutForm(forms.ModelForm):
    """A sendout; empty fields take the project's values."""

    answer_within = AnswerWithin(label=_("Answer within"), required=False, help_text=_("Empty: as the project says."))
    expect_every = ExpectEvery(
        label=_("Expected every"),
        required=False,
        help_text=_("Such as 1 d: an alarm is raised when no hook came for longer. Empty: no alarm."),
    )

    class Meta:
        model = Sendout
        fields = ("project", "journey", "name", "review", "at_deadline", "answer_within", "expect_every", "archived")
        help_texts = {"review": REVIEW_HELP, "at_deadline": AT_DEADLINE_HELP}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # Store an empty choice as null, which means the project's value.
        return {**cleaned, "review": cleaned.get("review") or None, "at_deadline": cleaned.get("at_deadline") or None}


class ActionForm(forms.ModelForm):
    """The definition of an identifier: common fields and, in a generated subclass, the fields of its kind."""

    kind_class: ClassVar[type[Kind] | None] = None

    class Meta:
        model = ActionDefinition
        fields = ("project", "sendout", "identifier", "run", "on_failure", "position", "archived")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.kind_class is not None:
            stored = self.instance.config if self.instance.pk else {}
            self.initial = {**config_initial(self.kind_class.Config, stored), **self.initial}

    @property
    def has_preview(self) -> bool:
        """Return whether the typed values can be shown as they would be written."""
        return self.kind_class is not None and self.kind_class.shows is not Kind.shows

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.kind_class is None:
            return cleaned
        self.instance.kind = self.kind_class.name
        try:
            self.instance.config = self.kind_class.normal_config(config_values(self.kind_class.Config, cleaned))
        except ValidationError as error:
            found = list(sentences(error, now_translated))
        else:
            project, _sendout = self.place(cleaned)
            found = [
                (path, now_translated("No list “%(name)s” is kept here for this project.") % {"name": name})
                for path, name in references.missing(
                    self.kind_class.Config, self.instance.config, project.name if project else ""
                )
            ]
        for name, sentence in self._place_faults(found):
            self.add_error(name, sentence)
        return cleaned

    def place(self, cleaned: Mapping[str, Any]) -> tuple[Project | None, Sendout | None]:
        """Return the project and the sendout of the action, which cannot change once it is stored."""
        sendout = cleaned.get("sendout") or self.instance.sendout
        return cleaned.get("project") or self.instance.project or (sendout.project if sendout else None), sendout

    def _place_faults(self, found: Iterable[tuple[Path, str]]) -> Iterator[tuple[str | None, str]]:
        """Put each fault at its field; a field that already has an error gets no second one."""
        for path, sentence in found:
            if not path and self.errors:
                continue  # a value missing as a whole may be one that could not be read
            name = PREFIX + str(path[0]) if path else None
            if name is None or name not in self.fields:
                yield None, sentence
            elif name not in self.errors and name + OPERATOR not in self.errors:
                yield name, f"{path[1]}: {sentence}" if isinstance(self.fields[name], Pairs) and path[1:] else sentence


def action_form(kind: type[Kind] | None, seen: Collection[int] | None = None) -> type[ActionForm]:
    """Create the form for definitions of one kind. seen: the projects that the person sees; None: all."""
    fields = config_fields(kind.Config, seen) if kind is not None else {}
    return type("KindActionForm", (ActionForm,), {"kind_class": kind, **fields})
