"""Kind that writes properties and tags to the platform's contacts before the release, singly or as one import."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from actions.catalog.contact_update.contact_text import OF_THE_BATCH, compiled
from actions.catalog.contact_update.platform_api import (
    CREDENTIAL,
    CUSTOMER,
    ERROR,
    FINISHED,
    ID_COLUMN,
    LIST,
    REST_URL,
    ContactsApi,
    PlatformFailure,
    Rows,
    check_rest_url,
    fits_an_import,
    property_name,
    row,
    write_each,
)
from actions.catalog.shared.templates import BadTemplate
from actions.contract import Config, Contact, Context, Permanent, Retryable, Sentences, Shown, gettext_noop, undecided
from actions.effect import Applied, Effect, Pending, Rendered, Run, Wait, WholeEffect

_POLL_SECONDS = 5.0
# Default delay for imports after a 429 without Retry-After.
_NEXT_IMPORT_SECONDS = 60.0
_IN_MEMORY = 1_000_000
_PAGE = 2_000
_PROPERTY, _TAG = gettext_noop("Property"), gettext_noop("Tag")


def template_text(value: str) -> str:
    try:
        compiled(value)
    except BadTemplate as error:
        raise PydanticCustomError("template", "{why}", {"why": error.sentence, "place": error.position + 1}) from error
    return value


def _tag(value: str) -> str:
    if not set(compiled(template_text(value)).template.names) <= OF_THE_BATCH.whole:
        raise PydanticCustomError(
            "tag", "A tag is the same for everybody: {batch}, {project}, {journey}, {sendout} only."
        )
    return property_name(value)


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
PropertyName = Annotated[Text, AfterValidator(property_name)]
TemplateText = Annotated[str, StringConstraints(max_length=1000), AfterValidator(template_text)]
Tag = Annotated[Text, AfterValidator(_tag)]


class ContactUpdateConfig(Config):
    """`{url: "https://eu-proxy-1.symplifymail.com/rest", customer_id: "7", list_id: "3", credential: symplify, …}`"""

    url: Annotated[Text, AfterValidator(check_rest_url), REST_URL]
    customer_id: Annotated[Text, CUSTOMER]
    list_id: Annotated[Text, LIST]
    credential: Annotated[Text, CREDENTIAL]
    properties: dict[PropertyName, TemplateText] = Field(
        default={},
        title=gettext_noop("Properties"),
        description=gettext_noop(
            "One a line: name = value. In values {contact.city} is a field, {code} the promo code; also {contact.id}, "
            "{batch}, {project}, {journey}, {sendout}."
        ),
    )
    tags: list[Tag] = Field(
        default=[],
        title=gettext_noop("Tags"),
        description=gettext_noop("With commas. Each is a property that gets the value of a tag."),
    )
    tag_value: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = Field(
        default="true", title=gettext_noop("Value of a tag")
    )
    if_missing: Literal["hold", "empty"] = Field(
        default="hold",
        title=gettext_noop("If a value is missing"),
        json_schema_extra={
            "hold": gettext_noop("hold the contact for a person"),
            "empty": gettext_noop("write an empty value"),
        },
    )
    import_from: Annotated[int, Field(ge=0, strict=True)] = Field(
        default=0,
        title=gettext_noop("As one import from this many contacts"),
        description=gettext_noop("0: always one by one."),
    )
    import_seconds: Annotated[int, Field(ge=1, le=86_400, strict=True)] = Field(
        default=900,
        title=gettext_noop("Seconds that an import may take"),
        description=gettext_noop("With less time left none is begun, and the batch is held."),
    )
    parallel: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(
        default=8, title=gettext_noop("Contacts written at the same time")
    )

    @model_validator(mode="after")
    def _check_properties_and_tags(self) -> Self:
        if not self.properties and not self.tags:
            raise PydanticCustomError("nothing", "Give a property or a tag.")
        if not fits_an_import(self.tag_value) or set(self.properties) & set(self.tags):
            raise PydanticCustomError("tags", "A tag has the name of a property, or its value cannot be written.")
        return self


class NoValue(Sentences):
    """Why a contact has no value to write."""

    PROPERTY = "contact_update.no_value", gettext_noop("The property %(name)s has no value for this contact.")
    TAG = "contact_update.no_tag", gettext_noop("A tag has no name, since a name of the sendout is empty.")
    NOT_FOR_IMPORT = (
        "contact_update.not_for_import",
        gettext_noop("A value holds “|” or a line break, which an import cannot."),
    )


class ContactUpdate(Effect, WholeEffect):
    """Sets properties of each accepted contact; a tag is a property with a fixed value."""

    name = "contact_update"
    title = gettext_noop("Properties and tags")
    description = gettext_noop("Writes properties and tags to the contacts in Symplify, before the messages go out.")
    Config = ContactUpdateConfig
    waits = False
    # Contacts of a page are written sequentially; several pages are written at the same time.
    apply_size = 25

    def __init__(self, config: ContactUpdateConfig) -> None:
        super().__init__(config)
        self.parallel = config.parallel
        self._api = ContactsApi(config.url, config.customer_id, config.list_id, config.credential)
        self._properties = [(name, compiled(text)) for name, text in config.properties.items()]
        self._tags = [compiled(text) for text in config.tags]

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [self._rendered(contact, context) for contact in page]

    def _rendered(self, contact: Contact, context: Context) -> Rendered:
        values: dict[str, str] = {}
        for name, template in self._properties:
            text = template.write(contact, context)
            if text is None and self.config.if_missing == "hold":
                return Rendered(verdict=undecided("no_value", NoValue.PROPERTY(name=name)))
            values[name] = text or ""
        for template in self._tags:
            tag = template.write(contact, context)
            if tag is None:
                return Rendered(verdict=undecided("no_value", NoValue.TAG()))
            values[tag] = self.config.tag_value
        if self.config.import_from and not all(map(fits_an_import, (contact.id, *values, *values.values()))):
            return Rendered(verdict=undecided("bad_value", NoValue.NOT_FOR_IMPORT()))
        return Rendered(values)

    def describe(self, payload: Any) -> str:
        return ", ".join(f"{name} = {value}" for name, value in payload.items())

    def shows(self, contact: Contact, context: Context) -> Sequence[Shown]:
        found = []
        for name, template in self._properties:
            text = template.write(contact, context)
            found.append(Shown(_PROPERTY, "" if text is None and self.config.if_missing == "empty" else text, name))
        tags = [template.write(contact, context) for template in self._tags]
        return [*found, *(Shown(_TAG, self.config.tag_value if tag else None, tag or "") for tag in tags)]

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        return write_each(self._api, [(pending.contact_id, pending.payload) for pending in page], context)

    def takes(self, total: int) -> bool:
        return 0 < self.config.import_from <= total

    def work(self, run: Run, context: Context) -> Wait | None:
        """Begin an import, send its rows, wait for its end; store each step before the next.

        After a kill between sending and storing, a step is repeated: a second import of the same values changes
        nothing.
        """
        if not run.state.get("batch_id"):
            with _rows(run) as rows:
                if rows is None:
                    return None
                self._send(rows, run, context)
            return Wait(_POLL_SECONDS)
        status = self._api.status(context, run.state["batch_id"])
        if status == ERROR:
            # A retry must start a new import.
            run.keep(import_id="", batch_id="")
            raise Permanent(PlatformFailure.NOT_CARRIED_OUT())
        return None if status == FINISHED else Wait(_POLL_SECONDS)

    def _send(self, rows: Rows, run: Run, context: Context) -> None:
        if context.time_left() < self.config.import_seconds:
            raise Permanent(PlatformFailure.NOT_BEGUN())
        if not run.state.get("import_id"):
            run.keep(import_id=self._begin(context))
        try:
            run.keep(batch_id=self._api.upload(context, run.state["import_id"], rows))
        except Permanent:
            run.keep(import_id="")
            raise

    def _begin(self, context: Context) -> str:
        try:
            return self._api.begin_import(context)
        except Retryable as error:
            pause = error.retry_after or _NEXT_IMPORT_SECONDS
            if context.time_left() - pause < self.config.import_seconds:
                raise Permanent(PlatformFailure.TOO_LATE()) from error
            raise Retryable(error.text, pause) from error


@contextmanager
def _rows(run: Run) -> Iterator[Rows | None]:
    """Return the rows of an import, on disk if there are many; None if no contact is left to write."""
    file: IO[bytes]
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        columns: list[str] = []
        for page in run.pages(_PAGE):
            for pending in page:
                if not columns:
                    columns = list(pending.payload)
                    file.write(row([ID_COLUMN, *columns]))
                file.write(row([pending.contact_id, *(pending.payload[name] for name in columns)]))
        yield Rows(file, run.tick) if columns else None
