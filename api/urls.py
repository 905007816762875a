"""URLs of the API, below /api/."""

from django.urls import path
from django.views.generic import RedirectView

from api import contacts, views
from api.verbs import OFFERS, view_of

app_name = "api"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api:docs")),
    path("schema/", views.Schema.as_view(), name="schema"),
    path("docs/", views.Docs.as_view(url_name="api:schema"), name="docs"),
    path("projects/", views.Projects.as_view(), name="projects"),
    path("projects/<int:pk>/", views.OneProject.as_view(), name="project"),
    path("batches/", views.Batches.as_view(), name="batches"),
    path("batches/<int:pk>/", views.OneBatch.as_view(), name="batch"),
    path("batches/<int:pk>/decisions/", views.Decisions.as_view(), name="decisions"),
    path("batches/<int:pk>/export/", contacts.ExportView.as_view(), name="export"),
    path("batches/<int:pk>/events/", views.Events.as_view(), name="events"),
    *(path(f"batches/<int:pk>/{name}/", view_of(offer), name=name) for name, offer in OFFERS.items()),
    path("contacts/find/", contacts.Find.as_view(), name="find"),
]
