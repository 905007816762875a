"""All URLs but the webhook's door, which stands in front of Django (gateway.asgi)."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from desk import export, find
from desk.operations import channels
from desk.people import me, notices
from desk.setup.tryout import plan_page, preview_page, rehearsal, trial
from gateway.ops import health, metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Pages about the configuration that read contacts or call services: only packages above actions can do that.
    path(
        "admin/actions/actiondefinition/preview/",
        admin.site.admin_view(preview_page.preview_new_action),
        name="preview_new_action",
    ),
    path(
        "admin/actions/actiondefinition/<int:definition_id>/preview/",
        admin.site.admin_view(preview_page.preview_action),
        name="preview_action",
    ),
    path(
        "admin/actions/actiondefinition/<int:definition_id>/test/",
        admin.site.admin_view(trial.test_action),
        name="test_action",
    ),
    path(
        "admin/actions/credential/<int:credential_id>/test/",
        admin.site.admin_view(trial.test_credential),
        name="test_credential",
    ),
    path(
        "admin/actions/project/<int:project_id>/plan/",
        admin.site.admin_view(plan_page.plan_of_project),
        name="plan_of_project",
    ),
    path(
        "admin/actions/sendout/<int:sendout_id>/plan/",
        admin.site.admin_view(plan_page.plan_of_sendout),
        name="plan_of_sendout",
    ),
    path(
        "admin/actions/actiondefinition/<int:definition_id>/rehearse/",
        admin.site.admin_view(rehearsal.rehearse_definition),
        name="rehearse_definition",
    ),
    path(
        "admin/actions/actiondefinition/rehearse/", admin.site.admin_view(rehearsal.rehearse_new), name="rehearse_new"
    ),
    path(
        "admin/actions/project/<int:project_id>/rehearse/",
        admin.site.admin_view(rehearsal.rehearse_project),
        name="rehearse_project",
    ),
    path("admin/find-contact/", admin.site.admin_view(find.find_contact), name="find_contact"),
    path("admin/batches/<int:batch_id>/export/", admin.site.admin_view(export.export), name="export_batch"),
    path(
        "admin/batches/<int:batch_id>/export/<uuid:key>/",
        admin.site.admin_view(export.progress),
        name="export_progress",
    ),
    path("admin/me/", admin.site.admin_view(me.me), name="me"),
    path("admin/desk/", include("desk.urls")),
    path(
        "admin/sendouts/channel/<int:channel_id>/test/",
        admin.site.admin_view(channels.test_channel),
        name="test_channel",
    ),
    path("admin/me/notices/", admin.site.admin_view(notices.my_messages), name="my_messages"),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    path("i18n/setlang/", notices.switch_language, name="set_language"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
]
handler500 = "gateway.web.unavailable.handler500"
