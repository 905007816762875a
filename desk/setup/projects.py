"""The screens on which staff set up projects, sendouts and actions."""

from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.db.models import Max, Model, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from actions import catalog, rule_request
from actions.access import projects_seen, sees_all
from actions.config import reviewers
from actions.config.describe import described, kind_title, without_questions
from actions.config.versions import changes
from actions.contract import Kind
from actions.models import ActionDefinition, Project, Sendout, policy, unattended
from actions.plan.merge import canonical
from actions.whole import whole
from desk.bases import SeenProjects, reader, show_page
from desk.setup.forms import ProjectForm, SendoutForm, action_form, config_fields
from desk.setup.history import ConfigurationAdmin, leads_to
from desk.setup.ordering import OwnerAdmin

_UNUSUAL = _(
    "“Also what is unusual” compares each contact file of 500 contacts or more with up to 20 batches before it, once "
    "there are 5. It is held if far more or far fewer contacts do not get it than in this project before. It is also "
    "held if it is more than twice, or less than half, as large as this sendout usually is. And it is held if a check "
    "that always rejected some contacts rejects nobody. What varies a lot is given more room. What a person accepts "
    "is usual from then on. Singles are never compared."
)
_ARCHIVED = _(
    "Nothing here is deleted, since what happened refers to it. What is archived takes no part in new batches, is "
    "listed apart, and can be taken out of the archive at any time."
)


def warn_unattended(request: HttpRequest, review: str, at_deadline: str) -> None:
    """Warn on saving about the consequence of a policy for batches that no person reviews."""
    if sentence := unattended(review, at_deadline):
        messages.warning(request, gettext(sentence))


@admin.register(Project)
class ProjectAdmin(OwnerAdmin):
    """Saving a project that a hook brought declares it; so does one click."""

    form = ProjectForm
    project_paths = ("pk",)
    list_display = ("name", "state", "review", "at_deadline", "shown_answer_within")
    list_filter = ("declared", "archived", "review", "at_deadline")
    search_fields = ("name",)
    actions = ("declare_selected",)
    actions_detail = ("add_action", "rehearse")
    change_form_outer_before_template = "desk/setup/project_notes.html"
    fieldsets = (
        (None, {"fields": ("name",)}),
        (
            _("Who decides, and until when"),
            {"fields": ("review", "at_deadline", "answer_within"), "description": _UNUSUAL},
        ),
        (
            _("What is kept of contacts"),
            {
                "fields": ("keep_contacts", "keep_fields", "show_fields"),
                "description": _(
                    "Kept with the decisions, for reviewers who may see contacts. Nothing, unless fields are named."
                ),
            },
        ),
        (
            _("What counts as missing"),
            {
                "fields": ("empty_words",),
                "description": _(
                    "Exports write such words where there is no value. A field with only such a word counts as "
                    "missing; a contact whose id or address is one is unread, and waits for a person."
                ),
            },
        ),
        (
            _("Second person"),
            {
                "fields": ("second_person_from", "no_own_changes", "shown_reviewers"),
                "description": _(
                    "Where a second person is needed, the first acceptance waits for another one, and “accept it” at "
                    "the deadline does not act: without two people in time the batch times out. One person is enough "
                    "to reject."
                ),
            },
        ),
        (_("Archive"), {"fields": ("archived",), "description": _ARCHIVED}),
    )
    readonly_fields = ("shown_reviewers",)

    @display(description=_("may accept here"))
    def shown_reviewers(self, obj: Project) -> str:
        return reviewers.state(obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A new project would be outside a limited person's reach.
        return super().has_add_permission(request) and sees_all(request.user)

    @display(description=_("state"), label={"declared": "success", "met": "warning", "archived": "info"})
    def state(self, obj: Project) -> tuple[str, Any]:
        if obj.archived:
            return "archived", _("archived")
        return ("declared", _("declared")) if obj.declared else ("met", _("met in a hook, not set up"))

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        if change and rule_request.keep_rules(obj, reader(request)):
            messages.warning(
                request, gettext("The rule about two people stays until another person confirms the change.")
            )
        super().save_model(request, obj, form, change)
        warn_unattended(request, obj.review, obj.at_deadline)

    def get_urls(self) -> list[URLPattern]:
        own = {"declare": self.declare, "lift-rule": self.lift_rule}
        urls = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"actions_project_{name}")
            for name, view in own.items()
        ]
        return [*urls, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        obj = kwargs.get("obj")
        if obj is not None and (asked := rule_request.open_request(obj)) is not None:
            weaker = copy(obj)
            for name, value in asked.wanted().items():
                setattr(weaker, name, value)
            context |= {
                "asked": asked,
                "asked_changes": tuple(changes(obj, weaker)),
                "may_confirm": asked.may_confirm(reader(request)),
                "now": timezone.now(),
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def lift_rule(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Confirm or withdraw, by POST, what somebody asked about the rule of two people. `request`: its id."""
        project = self.changeable(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        confirmed = "confirm" in request.POST
        asked = rule_request.open_request(project)
        if asked is None or str(asked.pk) != request.POST.get("request"):
            messages.error(request, gettext("This request is over. Nothing was changed."))
        elif not rule_request.end(asked.pk, reader(request), timezone.now(), confirmed=confirmed):
            messages.error(request, gettext("Somebody else must confirm what you asked for yourself."))
        elif confirmed:
            self.log_change(request, project, "Rule lifted.")
            said = gettext("The rule is changed. Batches that are here already keep the rule of their arrival.")
            messages.success(request, said)
        else:
            self.log_change(request, project, "Rule kept.")
            messages.success(request, gettext("Withdrawn. The rule about two people stays."))
        return HttpResponseRedirect(reverse("admin:actions_project_change", args=[project.pk]))

    def declare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Declare a project known from a hook without changes, by POST; redirect to `next`, or to its page."""
        project = self.changeable(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._declare(request, project)
        return HttpResponseRedirect(leads_to(request) or reverse("admin:actions_project_change", args=[project.pk]))

    @action(description=_("Set up the selected projects as they stand"), permissions=["change"])
    def declare_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        for project in queryset:
            self._declare(request, project)

    def _declare(self, request: HttpRequest, project: Project) -> None:
        if project.declare(user=request.user):  # type: ignore[arg-type]
            self.log_change(request, project, "Declared.")
            said = gettext("The project “%(name)s” is set up. New batches no longer wait because nobody knows it.")
            messages.success(request, said % {"name": project})

    @action(description=_("Try on a past batch"), url_path="try-it", permissions=["change"])
    def rehearse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("rehearse_project", args=[object_id]))


@admin.register(Sendout)
class SendoutAdmin(OwnerAdmin):
    form = SendoutForm
    list_display = ("project", "journey", "name", "review", "at_deadline", "shown_answer_within", "shown_archived")
    list_display_links = ("journey", "name")
    list_filter = ("archived", "review", "at_deadline", ("project", SeenProjects))
    list_filter_submit = True
    list_select_related = ("project",)
    search_fields = ("project__name", "journey", "name")
    autocomplete_fields = ("project",)
    actions_detail = ("add_action",)
    fieldsets = (
        (None, {"fields": ("project", "journey", "name")}),
        (
            _("Who decides, and until when"),
            {
                "fields": ("review", "at_deadline", "answer_within"),
                "description": format_lazy("{} {}", _("What is left empty is as the project says."), _UNUSUAL),
            },
        ),
        (_("Watch"), {"fields": ("expect_every",)}),
        (_("Archive"), {"fields": ("archived",), "description": _ARCHIVED}),
    )

    def save_model(self, request: HttpRequest, obj: Sendout, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.review or obj.at_deadline:
            holds = policy(obj.project, obj)
            warn_unattended(request, holds.review, holds.at_deadline)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("project",) if obj else ()


@admin.register(ActionDefinition)
class ActionDefinitionAdmin(ConfigurationAdmin):
    """A definition's kind is chosen first and cannot change; its configuration has the fields of that kind."""

    list_display = (
        "identifier",
        "kind_title",
        "used_in",
        "run",
        "on_failure",
        "position",
        "shown_archived",
        "shown_test",
    )
    project_paths = ("project", "sendout__project")
    list_filter = ("archived", "kind", "run", "on_failure", ("project", SeenProjects))
    list_filter_submit = True
    list_select_related = ("project", "sendout__project")
    search_fields = ("identifier", "project__name", "sendout__name")
    autocomplete_fields = ("project", "sendout")
    actions_detail = ("test",)
    change_form_after_template = "desk/setup/preview.html"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return values preset by the URL, such as the identifier from a hook; the position is the last of its list."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        owner = {
            name: initial[name] for name in ("project", "sendout") if whole(str(initial.get(name, ""))) is not None
        }
        if owner:
            last = ActionDefinition.objects.filter(**owner, archived=False).aggregate(last=Max("position"))["last"]
            initial.setdefault("position", 1 if last is None else last + 1)
        return initial

    @display(description=_("where it is used"), ordering="project")
    def used_in(self, obj: ActionDefinition) -> str:
        return str(obj.project) if obj.project else f"{obj.sendout.project} · {obj.sendout}" if obj.sendout else ""

    @display(description=_("test"), empty_value="–")
    def shown_test(self, obj: ActionDefinition) -> str | None:
        if obj.archived:
            return None
        return format_html('<a class="gate-link" href="{}">{}</a>', reverse("test_action", args=[obj.pk]), _("Test…"))

    @action(description=_("Test with a contact"), url_path="test-it", permissions=["change"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("test_action", args=[object_id]))

    @display(description=_("kind"), ordering="kind")
    def kind_title(self, obj: ActionDefinition) -> str:
        return kind_title(obj.kind)

    @display(description=_("configuration"))
    def stored_config(self, obj: ActionDefinition) -> str:
        return without_questions(canonical(obj.config))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        if self._kind(request, None) is None and self.has_add_permission(request):
            return self._choose_kind(request)
        return super().add_view(request, form_url, extra_context)

    def _choose_kind(self, request: HttpRequest) -> HttpResponse:
        """Ask for the kind first, since it determines the fields of the action's page."""
        choices = []
        for name, kind in catalog.kinds().items():
            query = request.GET.copy()
            query["kind"] = name
            choices.append({"title": gettext(kind.title), "description": described(kind), "query": query.urlencode()})
        title, problems = gettext("What kind of action?"), catalog.problems()
        return show_page(request, "setup/choose_kind.html", title, ActionDefinition, choices=choices, problems=problems)

    def _kind(self, request: HttpRequest, obj: ActionDefinition | None) -> type[Kind] | None:
        return catalog.kinds().get(obj.kind if obj else request.GET.get("kind", ""))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = action_form(self._kind(request, obj), projects_seen(request.user))
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("project", "sendout", "kind_title") if obj else ()
        return fixed if self._kind(request, obj) else (*fixed, "stored_config")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = self._kind(request, obj)
        where = ("kind_title", "project", "sendout") if obj else ("project", "sendout")
        config = {
            "fields": (*config_fields(kind.Config),) if kind else ("stored_config",),
            "description": described(kind) if kind else _("No such kind is installed."),
        }
        return (
            (None, {"fields": ("identifier", *where)}),
            (gettext(kind.title) if kind else _("Configuration"), config),
            (_("How it runs"), {"fields": ("run", "on_failure", "position")}),
            (_("Archive"), {"fields": ("archived",), "description": _ARCHIVED}),
        )
