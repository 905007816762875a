"""Everything but the webhook's door, which stands in front of Django (gateway.asgi)."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway import health, metrics
from sendouts.admin import trials

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
    path("admin/desk/", include("sendouts.admin.desk_urls")),
    path("admin/", admin.site.urls),
    path("api/", include("sendouts.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
]
handler500 = "gateway.unavailable.handler500"
