"""The screens on which staff set up projects, sendouts and actions."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display

from actions import catalog, durations
from actions.code_pool_admin import CodePoolAdmin as CodePoolAdmin
from actions.contract import Kind, Permanent
from actions.credential_admin import CredentialAdmin as CredentialAdmin
from actions.forms import ProjectForm, SendoutForm, action_form, config_fields
from actions.history_admin import HistoryAdmin, without_questions
from actions.merging import canonical
from actions.models import ActionDefinition, Project, Sendout
from actions.running import build
from actions.suppression_admin import SuppressionListAdmin as SuppressionListAdmin


class ConfigurationAdmin(HistoryAdmin):
    """What is configured has a history, and is archived instead of deleted, since what happened refers to it."""

    list_filter_submit = False
    warn_unsaved_form = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ActionInline(TabularInline):
    """The actions of a project or a sendout, each with a link to its page."""

    model = ActionDefinition
    fields = readonly_fields = ("link", "kind_title", "run", "on_failure", "position", "archived")
    ordering = ("archived", "position", "id")
    extra = 0
    can_delete = False
    hide_title = True

    @display(description=_("identifier"))
    def link(self, obj: ActionDefinition) -> str:
        page = reverse("admin:actions_actiondefinition_change", args=[obj.pk])
        return format_html('<a class="font-medium text-primary-600" href="{}">{}</a>', page, obj.identifier)

    @display(description=_("kind"))
    def kind_title(self, obj: ActionDefinition) -> str:
        return kind_title(obj.kind)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def kind_title(name: str) -> str:
    """Return the title of a kind, or its name where no such kind is installed."""
    found = catalog.kinds().get(name)
    return gettext(found.title) if found else name


def described(kind: type[Kind]) -> str:
    """Return the translated description of a kind; gettext answers an empty text with the catalogue's header."""
    return gettext(kind.description) if kind.description else ""


@admin.register(Project)
class ProjectAdmin(ConfigurationAdmin):
    form = ProjectForm
    list_display = ("name", "state", "review", "at_deadline", "shown_answer_within")
    list_filter = ("archived", "declared")
    search_fields = ("name",)
    inlines = (ActionInline,)
    actions_detail = ("add_action",)
    fieldsets = (
        (None, {"fields": ("name", "archived")}),
        (_("Policies"), {"fields": ("review", "at_deadline", "answer_within")}),
        (_("Contacts"), {"fields": ("keep_contacts", "keep_fields", "show_fields")}),
    )

    @display(description=_("state"), label={"declared": "success", "met": "warning", "archived": "info"})
    def state(self, obj: Project) -> tuple[str, Any]:
        if obj.archived:
            return "archived", _("archived")
        return ("declared", _("declared")) if obj.declared else ("met", _("met in a hook, not set up"))

    @display(description=_("answer within"), ordering="answer_within")
    def shown_answer_within(self, obj: Project) -> str:
        return durations.show(obj.answer_within)

    @action(description=_("Add an action"), url_path="add-action")
    def add_action(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:actions_actiondefinition_add')}?project={object_id}")


@admin.register(Sendout)
class SendoutAdmin(ConfigurationAdmin):
    form = SendoutForm
    list_display = ("project", "journey", "name", "review", "at_deadline", "shown_answer_within", "archived")
    list_display_links = ("journey", "name")
    list_filter = ("archived", "project")
    list_select_related = ("project",)
    search_fields = ("project__name", "journey", "name")
    autocomplete_fields = ("project",)
    inlines = (ActionInline,)
    actions_detail = ("add_action",)
    fieldsets = (
        (None, {"fields": ("project", "journey", "name", "archived")}),
        (
            _("Policies"),
            {
                "fields": ("review", "at_deadline", "answer_within"),
                "description": _("What is left empty is as the project says."),
            },
        ),
        (_("Watch"), {"fields": ("expect_every",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("project",) if obj else ()

    @display(description=_("answer within"), ordering="answer_within", empty_value="–")
    def shown_answer_within(self, obj: Sendout) -> str | None:
        return durations.show(obj.answer_within) if obj.answer_within else None

    @action(description=_("Add an action"), url_path="add-action")
    def add_action(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:actions_actiondefinition_add')}?sendout={object_id}")


@admin.register(ActionDefinition)
class ActionDefinitionAdmin(ConfigurationAdmin):
    """A definition's kind is chosen first and stays; its configuration has the fields of that kind."""

    list_display = ("identifier", "kind_title", "project", "sendout", "run", "on_failure", "position", "archived")
    list_filter = ("archived", "kind", "project")
    list_select_related = ("project", "sendout")
    search_fields = ("identifier", "project__name", "sendout__name")
    autocomplete_fields = ("project", "sendout")
    actions_detail = ("test",)

    @action(description=_("Test with a contact"), url_path="test-it", permissions=["change"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("test_action", args=[object_id]))

    @display(description=_("kind"), ordering="kind")
    def kind_title(self, obj: ActionDefinition) -> str:
        return kind_title(obj.kind)

    @display(description=_("configuration"))
    def stored_config(self, obj: ActionDefinition) -> str:
        return without_questions(canonical(obj.config))

    @display(description=_("what will be written, for example"), empty_value="–")
    def preview(self, obj: ActionDefinition) -> str | None:
        try:
            kind = build(obj.kind, canonical(obj.config))
        except Permanent:
            return None
        return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in kind.preview())) or None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        if self._kind(request, None) is None and self.has_add_permission(request):
            return self._choose_kind(request)
        return super().add_view(request, form_url, extra_context)

    def _choose_kind(self, request: HttpRequest) -> HttpResponse:
        """Ask for the kind first: the page of the action then has its fields."""
        choices = []
        for name, kind in catalog.kinds().items():
            query = request.GET.copy()
            query["kind"] = name
            choices.append({"title": gettext(kind.title), "description": described(kind), "query": query.urlencode()})
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("What kind of action?"),
            "choices": choices,
            "problems": catalog.problems(),
        }
        return TemplateResponse(request, "actions/choose_kind.html", context)

    def _kind(self, request: HttpRequest, obj: ActionDefinition | None) -> type[Kind] | None:
        return catalog.kinds().get(obj.kind if obj else request.GET.get("kind", ""))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = action_form(self._kind(request, obj))
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("project", "sendout", "kind_title", "preview") if obj else ()
        return fixed if self._kind(request, obj) else (*fixed, "stored_config")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        kind = self._kind(request, obj)
        where = ("kind_title", "project", "sendout") if obj else ("project", "sendout")
        previewed = ("preview",) if kind and obj and kind.preview is not Kind.preview else ()
        config = {
            "fields": (*config_fields(kind.Config), *previewed) if kind else ("stored_config",),
            "description": described(kind) if kind else _("No such kind is installed."),
        }
        return (
            (None, {"fields": ("identifier", *where)}),
            (gettext(kind.title) if kind else _("Configuration"), config),
            (_("How it runs"), {"fields": ("run", "on_failure", "position", "archived")}),
        )
