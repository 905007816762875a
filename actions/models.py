"""Configuration of actions: projects, their sendouts, and the meaning of identifiers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from actions.accounts.announced import AnnouncedChange as AnnouncedChange
from actions.accounts.record import AccountRecord as AccountRecord
from actions.codes.models import CodePool as CodePool
from actions.codes.models import Draw as Draw
from actions.codes.models import PromoCode as PromoCode
from actions.codes.models import Refill as Refill
from actions.config.author import sign
from actions.contract import gettext_noop
from actions.names import EMPTY_WORDS, MOST_WORDS, WORD_LENGTH, fold_words, proposed_words
from actions.names import NAME_LENGTH as NAME_LENGTH
from actions.names import normal_name as normal_name
from actions.plan.merge import Definition, canonical, normal_identifier
from actions.rule_request import RuleRequest as RuleRequest
from actions.secrets.credential import Credential as Credential
from actions.suppression.models import SuppressionEntry as SuppressionEntry
from actions.suppression.models import SuppressionList as SuppressionList
from actions.suppression.models import SuppressionPiece as SuppressionPiece
from actions.suppression.models import SuppressionUpload as SuppressionUpload

SHORTEST_ANSWER = timedelta(seconds=10)
LONGEST_ANSWER = timedelta(days=30)
USUAL_ANSWER = timedelta(minutes=60)
ANSWER_LIMITS = [MinValueValidator(SHORTEST_ANSWER), MaxValueValidator(LONGEST_ANSWER)]
SHORTEST_EXPECTED = timedelta(minutes=1)
LONGEST_EXPECTED = timedelta(days=400)
EXPECTED_LIMITS = [MinValueValidator(SHORTEST_EXPECTED), MaxValueValidator(LONGEST_EXPECTED)]
UNATTENDED = gettext_noop(
    "Every batch waits for a person, and times out if nobody decides: "
    "a sendout at night that nobody attends reaches nobody. "
    "Choose another value for “at the deadline”, or make sure that somebody is there."
)


class Review(models.TextChoices):
    """Which batches wait for a person before they go on."""

    NEVER = "never", _("only what cannot be decided")
    UNUSUAL = "unusual", _("also what is unusual")
    ALWAYS = "always", _("every batch")


class AtDeadline(models.TextChoices):
    """Outcome of a batch in review shortly before its deadline."""

    LEAVE = "leave", _("let it time out")
    ACCEPT = "accept", _("accept it")
    REJECT = "reject", _("reject it")


class KeepContacts(models.TextChoices):
    """Which contacts' fields are stored with the decisions."""

    NONE = "none", _("nobody's")
    REJECTED = "rejected", _("of those who do not get it")
    ALL = "all", _("everybody's")


class OnFailure(models.TextChoices):
    """Outcome of contacts that an action could not judge because it failed."""

    HOLD = "hold", _("hold them for a person")
    REJECT = "reject", _("reject them")
    ACCEPT = "accept", _("let them pass")


class RunWhen(models.TextChoices):
    """When an action takes part in a plan."""

    ASKED = "asked", _("when the hook names it")
    ALWAYS = "always", _("always")


def among(field: str, choices: type[models.TextChoices], name: str) -> models.CheckConstraint:
    """Return a constraint that a column has one of the choices; null passes, if the column allows it."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)


def answer_in_bounds(name: str) -> models.CheckConstraint:
    """Return a constraint that an answer is due within sensible limits; null passes, if the column allows it."""
    return models.CheckConstraint(condition=Q(answer_within__range=(SHORTEST_ANSWER, LONGEST_ANSWER)), name=name)


class Project(models.Model):
    """A project of the platform, with its policies."""

    name = models.CharField(_("name"), max_length=NAME_LENGTH, unique=True, help_text=_("Exactly as in the platform."))
    declared = models.BooleanField(
        _("declared"), default=True, help_text=_("Set up by a person or a file, not merely met in a hook.")
    )
    review = models.CharField(_("review"), max_length=10, choices=Review, default=Review.NEVER)
    at_deadline = models.CharField(_("at the deadline"), max_length=10, choices=AtDeadline, default=AtDeadline.LEAVE)
    answer_within = models.DurationField(_("answer within"), default=USUAL_ANSWER, validators=ANSWER_LIMITS)
    keep_contacts = models.CharField(
        _("keep the fields of"), max_length=10, choices=KeepContacts, default=KeepContacts.NONE
    )
    keep_fields = models.JSONField(_("fields to keep"), default=list, blank=True)
    show_fields = models.JSONField(_("fields to show"), default=list, db_default=[], blank=True)
    empty_words = models.JSONField(
        _("words for nothing"), default=proposed_words, db_default=list(EMPTY_WORDS), blank=True
    )
    second_person_from = models.PositiveIntegerField(
        _("a second person accepts from"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Contacts in a batch from which on two people must accept it. Empty: never."),
    )
    no_own_changes = models.BooleanField(
        _("nobody accepts alone what they changed"),
        default=False,
        db_default=False,
        help_text=_("Whoever changed decisions of a batch needs another person to accept it."),
    )
    archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["name"]
        constraints = [
            among("review", Review, "project_review_known"),
            among("at_deadline", AtDeadline, "project_at_deadline_known"),
            among("keep_contacts", KeepContacts, "project_keep_contacts_known"),
            answer_in_bounds("project_answer_within_bounds"),
            models.CheckConstraint(condition=Q(second_person_from__gte=1), name="project_second_person_from_bounds"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self.name = normal_name(self.name)
        for name in ("keep_fields", "show_fields"):
            listed = getattr(self, name)
            if not isinstance(listed, list) or not all(isinstance(each, str) and each for each in listed):
                raise ValidationError({name: _("Give a list of field names.")})
        if set(self.show_fields) - set(self.keep_fields):
            raise ValidationError({"show_fields": _("Only fields that are kept can be shown.")})
        words = self.empty_words
        if not isinstance(words, list) or not all(isinstance(each, str) and fold_words([each]) for each in words):
            raise ValidationError({"empty_words": _("Give a list of words.")})
        if len(words) > MOST_WORDS or max(map(len, words), default=0) > WORD_LENGTH:
            limits = {"most": MOST_WORDS, "length": WORD_LENGTH}
            sentence = _("Give at most %(most)s words of at most %(length)s characters.") % limits
            raise ValidationError({"empty_words": sentence})

    def declare(self, *, user: User) -> bool:
        """Set up a project known from a hook, with its current policies; return False if it was set up before."""
        with transaction.atomic():
            row = Project.objects.select_for_update().get(pk=self.pk)
            if row.declared:
                return False
            row.declared = True
            sign(row, user)
            row.save(update_fields=["declared"])
        return True


class Sendout(models.Model):
    """A recurring sendout of a project; empty values come from the project."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="sendouts", verbose_name=_("project"))
    journey = models.CharField(
        _("journey"), max_length=NAME_LENGTH, blank=True, help_text=_("Name of the journey or campaign.")
    )
    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True, help_text=_("Exactly as in the platform."))
    review = models.CharField(_("review"), max_length=10, choices=Review, null=True, blank=True)
    at_deadline = models.CharField(_("at the deadline"), max_length=10, choices=AtDeadline, null=True, blank=True)
    answer_within = models.DurationField(_("answer within"), null=True, blank=True, validators=ANSWER_LIMITS)
    expect_every = models.DurationField(_("expected every"), null=True, blank=True, validators=EXPECTED_LIMITS)
    archived = models.BooleanField(_("archived"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("sendout")
        verbose_name_plural = _("sendouts")
        ordering = ["project", "journey", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "journey", "name"], name="sendout_once"),
            among("review", Review, "sendout_review_known"),
            among("at_deadline", AtDeadline, "sendout_at_deadline_known"),
            answer_in_bounds("sendout_answer_within_bounds"),
            models.CheckConstraint(
                condition=Q(expect_every__range=(SHORTEST_EXPECTED, LONGEST_EXPECTED)),
                name="sendout_expect_every_bounds",
            ),
        ]

    def __str__(self) -> str:
        return " / ".join(part for part in (self.journey, self.name) if part) or "–"

    def clean(self) -> None:
        self.journey, self.name = normal_name(self.journey), normal_name(self.name)

    def expected_since(self) -> datetime:
        """Return when the expected frequency of this sendout was declared, from its history."""
        rows = self.history.order_by("history_date", "history_id")
        other = rows.exclude(expect_every=self.expect_every).values_list("history_date", flat=True).last()
        own = rows.filter(expect_every=self.expect_every)
        first = (own.filter(history_date__gt=other) if other else own).values_list("history_date", flat=True).first()
        return first or self.created_at


class ActionDefinition(models.Model):
    """Meaning of an action's identifier in a project or a sendout: a kind and its configuration."""

    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.PROTECT, related_name="actions", verbose_name=_("project")
    )
    sendout = models.ForeignKey(
        Sendout, null=True, blank=True, on_delete=models.PROTECT, related_name="actions", verbose_name=_("sendout")
    )
    identifier = models.CharField(
        _("identifier"),
        max_length=NAME_LENGTH,
        help_text=_("As the action is called in the platform. Capitals do not count."),
    )
    kind = models.CharField(_("kind"), max_length=100)
    config = models.JSONField(_("configuration"), default=dict, blank=True)
    on_failure = models.CharField(
        _("if the action fails"),
        max_length=10,
        choices=OnFailure,
        default=OnFailure.HOLD,
        help_text=_("What becomes of the contacts that it could not judge."),
    )
    run = models.CharField(_("runs"), max_length=10, choices=RunWhen, default=RunWhen.ASKED)
    position = models.PositiveIntegerField(
        _("position"), default=0, help_text=_("Actions of one level run from the lowest position to the highest.")
    )
    archived = models.BooleanField(_("archived"), default=False)
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        ordering = [F("project").asc(nulls_last=True), "sendout", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(project__isnull=True) ^ Q(sendout__isnull=True),
                name="action_on_project_or_sendout",
                violation_error_message=_("Choose either a project or a sendout."),
            ),
            among("on_failure", OnFailure, "action_on_failure_known"),
            among("run", RunWhen, "action_run_known"),
        ]

    def __str__(self) -> str:
        return self.identifier

    def clean(self) -> None:
        given, self.identifier = self.identifier, normal_identifier(self.identifier)
        # The field itself reports a missing identifier.
        if given and not self.identifier:
            raise ValidationError({"identifier": _("Give an identifier.")})


@dataclass(frozen=True, slots=True)
class Policy:
    """Effective policy for the batches of a sendout: its own values, else the project's."""

    review: str
    at_deadline: str
    answer_within: timedelta


def policy(project: Project, sendout: Sendout | None = None) -> Policy:
    """Return the effective policy. An archived sendout is ignored."""
    own = sendout if sendout is not None and not sendout.archived else None
    return Policy(
        review=(own and own.review) or project.review,
        at_deadline=(own and own.at_deadline) or project.at_deadline,
        answer_within=(own and own.answer_within) or project.answer_within,
    )


def unattended(review: str, at_deadline: str) -> str:
    """Return an untranslated warning about policies that need staff on duty, else ""."""
    return UNATTENDED if (review, at_deadline) == (Review.ALWAYS, AtDeadline.LEAVE) else ""


def definitions_for(project: Project, sendout: Sendout | None = None) -> list[Definition]:
    """Return the definitions for the batches of a sendout, of its project and of itself, in one query.

    Archived definitions are ignored, and all definitions of an archived sendout.
    """
    where = Q(project=project)
    if sendout is not None and not sendout.archived:
        where |= Q(sendout=sendout)
    rows = ActionDefinition.objects.filter(where, archived=False).order_by("position", "id")
    return [definition_of(row) for row in rows]


def definition_of(row: ActionDefinition) -> Definition:
    """Return a definition in the form for merging; the id is 0 if it is not stored yet."""
    return Definition(
        id=row.pk or 0,
        identifier=row.identifier,
        kind=row.kind,
        config=canonical(row.config),
        on_failure=row.on_failure,
        run=row.run,
        level="project" if row.project_id is not None else "sendout",
        position=row.position,
    )
