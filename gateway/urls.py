"""Everything but the webhook's door, which stands in front of Django (gateway.asgi)."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway import health, metrics
from sendouts.admin import channels, me_told, trials

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Pages of what is configured that call services, as only what lies above the configuration can.
    path(
        "admin/actions/actiondefinition/<int:definition_id>/test/",
        admin.site.admin_view(trials.test_action),
        name="test_action",
    ),
    path(
        "admin/actions/credential/<int:credential_id>/test/",
        admin.site.admin_view(trials.test_credential),
        name="test_credential",
    ),
    path(
        "admin/sendouts/channel/<int:channel_id>/test/",
        admin.site.admin_view(channels.test_channel),
        name="test_channel",
    ),
    path("admin/me/notices/", admin.site.admin_view(me_told.my_messages), name="my_messages"),
    path("admin/", admin.site.urls),
    path("api/", include("sendouts.api.urls")),
    path("i18n/setlang/", me_told.switch_language, name="set_language"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
]
handler500 = "gateway.unavailable.handler500"
