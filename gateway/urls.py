"""Everything but the webhook's door, which stands in front of Django (gateway.asgi)."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway import health, metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("sendouts.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
]
handler500 = "gateway.unavailable.handler500"
