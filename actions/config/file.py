"""The configuration file: its schema, reading with all faults reported at once, and writing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from actions import catalog
from actions.config import durations
from actions.config.errors import Path, dotted, sentences
from actions.contract import Config
from actions.models import (
    LONGEST_ANSWER,
    LONGEST_EXPECTED,
    NAME_LENGTH,
    SHORTEST_ANSWER,
    SHORTEST_EXPECTED,
    normal_name,
)
from actions.names import EMPTY_WORDS, MOST_WORDS, WORD_LENGTH, fold_words
from actions.plan.merge import normal_identifier


class FaultyFile(ValueError):
    """The file cannot be applied; `faults` are sentences that begin with a path in the file."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return durations.read(value if isinstance(value, str) else "")
    except ValueError as error:
        raise PydanticCustomError("duration", "{why}", {"why": str(error)}) from error


def _answer(duration: timedelta) -> timedelta:
    if not SHORTEST_ANSWER <= duration <= LONGEST_ANSWER:
        raise PydanticCustomError("duration", "Give between 10 seconds and 30 days.")
    return duration


def _expected(duration: timedelta) -> timedelta:
    if not SHORTEST_EXPECTED <= duration <= LONGEST_EXPECTED:
        raise PydanticCustomError("duration", "Give between 1 minute and 400 days.")
    return duration


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(durations.write, return_type=str)]
Answer = Annotated[Duration, AfterValidator(_answer)]
Expected = Annotated[Duration, AfterValidator(_expected)]


def _word(value: str) -> str:
    if not fold_words([value]):
        raise PydanticCustomError("word", "Give a word.")
    return value


_named = BeforeValidator(lambda value: normal_name(value) if isinstance(value, str) else value)
_identified = BeforeValidator(lambda value: normal_identifier(value) if isinstance(value, str) else value)
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), _named]
Identifier = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), _identified]
EmptyWord = Annotated[str, Field(max_length=WORD_LENGTH), AfterValidator(_word)]
FieldName = Annotated[str, Field(min_length=1, max_length=200)]
Review = Literal["never", "unusual", "always"]
AtDeadline = Literal["leave", "accept", "reject"]


class ActionEntry(Config):
    """The meaning of an identifier: a kind and its configuration."""

    identifier: Identifier
    kind: str
    config: dict[str, Any] = {}
    on_failure: Literal["hold", "reject", "accept"] = "hold"
    run: Literal["asked", "always"] = "asked"


class KeepEntry(Config):
    """Which contacts' fields are stored, and which fields; listed ones are shown unmasked, the others masked."""

    contacts: Literal["none", "rejected", "all"] = "none"
    fields: list[FieldName] = []
    show: list[FieldName] = []

    @model_validator(mode="after")
    def _check_shown_fields(self) -> Self:
        if set(self.show) - set(self.fields):
            raise PydanticCustomError("show", "Only fields that are kept can be shown.")
        return self


class SendoutEntry(Config):
    """A sendout, and its differences from its project."""

    journey: Annotated[str, _named] = ""
    name: Annotated[str, _named] = ""
    review: Review | None = None
    at_deadline: AtDeadline | None = None
    answer_within: Answer | None = None
    expect_every: Expected | None = None
    actions: list[ActionEntry] = []


class ProjectEntry(Config):
    """A project with all its settings; an omitted setting has its default."""

    name: Name
    review: Review = "never"
    at_deadline: AtDeadline = "leave"
    answer_within: Answer = timedelta(minutes=60)
    keep: KeepEntry = KeepEntry()
    empty_words: Annotated[list[EmptyWord], Field(max_length=MOST_WORDS)] = list(EMPTY_WORDS)
    second_person_from: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    no_own_changes: bool = False
    actions: list[ActionEntry] = []
    sendouts: list[SendoutEntry] = []


class ConfigFile(Config):
    """The whole file."""

    projects: list[ProjectEntry]


class _Loader(yaml.SafeLoader):
    """YAML loader that reports a repeated key as a fault."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key “{key.value}” stands twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: str) -> ConfigFile:
    """Read a file; raise FaultyFile with every fault and its path."""
    try:
        raw = _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FaultyFile([_yaml_fault(error)]) from error
    if not isinstance(raw, dict):
        raise FaultyFile(["The file must begin with “projects:”."])
    faults: dict[Path, str] = {}
    parsed = None
    try:
        parsed = ConfigFile.model_validate(raw)
    except ValidationError as error:
        for path, sentence in sentences(error):
            faults.setdefault(path, sentence)
    for path, sentence in (*_kind_faults(raw), *_find_repeated_names(raw)):
        faults.setdefault(path, sentence)
    if faults or parsed is None:
        # By their position in the file, as far as list indexes tell.
        found = sorted(faults.items(), key=lambda item: [(isinstance(part, str), part) for part in item[0]])
        raise FaultyFile([f"{dotted(path) or 'the file'}: {sentence}" for path, sentence in found])
    return parsed


def _yaml_fault(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}not readable as YAML: {getattr(error, 'problem', None) or error}."


def _items(raw: Any, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the readable entries of a list in a file that may be invalid anywhere."""
    found = raw.get(key)
    for place, each in enumerate(found if isinstance(found, list) else []):
        if isinstance(each, dict):
            yield place, each


def _kind_faults(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Check every action's configuration against its kind, even in an otherwise invalid file."""
    for where, action in _all_actions(raw):
        name, config = action.get("kind"), action.get("config", {})
        if not isinstance(name, str):
            continue
        try:
            kind = catalog.kind(name)
        except KeyError:
            yield (*where, "kind"), f"No kind is called “{name}”; there are: {', '.join(sorted(catalog.kinds()))}."
            continue
        try:
            kind.read_config(config)
        except ValidationError as error:
            for path, sentence in sentences(error):
                yield (*where, "config", *path), sentence


def _all_actions(raw: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for number, project in _items(raw, "projects"):
        for place, action in _items(project, "actions"):
            yield ("projects", number, "actions", place), action
        for which, sendout in _items(project, "sendouts"):
            for place, action in _items(sendout, "actions"):
                yield ("projects", number, "sendouts", which, "actions", place), action


def _find_repeated_names(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield projects, and sendouts of one project, with repeated names."""
    projects: set[str] = set()
    for number, project in _items(raw, "projects"):
        name = _text(project, "name")
        if name and name in projects:
            yield ("projects", number, "name"), f"The project “{name}” is named twice."
        projects.add(name)
        sendouts: set[tuple[str, str]] = set()
        for which, sendout in _items(project, "sendouts"):
            pair = _text(sendout, "journey"), _text(sendout, "name")
            if pair in sendouts:
                yield ("projects", number, "sendouts", which), f"The sendout “{' / '.join(pair)}” is named twice."
            sendouts.add(pair)


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    return normal_name(value) if isinstance(value, str) else ""


def write(content: ConfigFile) -> str:
    """Write a file; omit empty lists, and policies that a sendout takes from its project."""
    data = content.model_dump(mode="json")
    for project in data["projects"]:
        for sendout in project["sendouts"]:
            _drop_empty(sendout, "review", "at_deadline", "answer_within", "expect_every", "actions")
        _drop_empty(project, "second_person_from", "no_own_changes", "actions", "sendouts")
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _drop_empty(data: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if not data[key]:
            del data[key]
