"""All URLs but the webhook's door, which stands in front of Django (gateway.asgi)."""

from collections.abc import Callable

from django.contrib import admin
from django.http.response import HttpResponseBase
from django.urls import URLPattern, include, path
from django.views.generic import RedirectView

from desk import export, find
from desk.operations import channels
from desk.people import me, notices
from desk.setup.tryout import plan_page, preview, rehearsal, trial
from gateway.ops import health, metrics


def screen(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """Return a page of the desk for people who are logged in."""
    return path(f"admin/{route}", admin.site.admin_view(view), name=name)


admin.autodiscover()
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Pages about the configuration that read contacts or call services: only packages above actions can do that.
    screen("actions/actiondefinition/preview/", preview.preview_new_action, "preview_new_action"),
    screen("actions/actiondefinition/<int:definition_id>/preview/", preview.preview_action, "preview_action"),
    screen("actions/actiondefinition/<int:definition_id>/test/", trial.test_action, "test_action"),
    screen("actions/credential/<int:credential_id>/test/", trial.test_credential, "test_credential"),
    screen("actions/project/<int:project_id>/plan/", plan_page.plan_of_project, "plan_of_project"),
    screen("actions/sendout/<int:sendout_id>/plan/", plan_page.plan_of_sendout, "plan_of_sendout"),
    screen(
        "actions/actiondefinition/<int:definition_id>/rehearse/", rehearsal.rehearse_definition, "rehearse_definition"
    ),
    screen("actions/actiondefinition/rehearse/", rehearsal.rehearse_new, "rehearse_new"),
    screen("actions/project/<int:project_id>/rehearse/", rehearsal.rehearse_project, "rehearse_project"),
    screen("find-contact/", find.find_contact, "find_contact"),
    screen("batches/<int:batch_id>/export/", export.export, "export_batch"),
    screen("batches/<int:batch_id>/export/<uuid:key>/", export.progress, "export_progress"),
    screen("me/", me.me, "me"),
    path("admin/desk/", include("desk.urls")),
    screen("sendouts/channel/<int:channel_id>/test/", channels.test_channel, "test_channel"),
    screen("me/notices/", notices.my_messages, "my_messages"),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    path("i18n/setlang/", notices.switch_language, name="set_language"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
]
handler500 = "gateway.web.unavailable.handler500"
