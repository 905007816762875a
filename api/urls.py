"""Addresses of the API, below /api/."""

from django.urls import path
from django.views.generic import RedirectView

from api import contacts, schema, verbs, views

app_name = "api"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api:docs")),
    path("schema/", schema.Schema.as_view(), name="schema"),
    path("docs/", schema.Docs.as_view(url_name="api:schema"), name="docs"),
    path("projects/", views.Projects.as_view(), name="projects"),
    path("projects/<int:pk>/", views.OneProject.as_view(), name="project"),
    path("batches/", views.Batches.as_view(), name="batches"),
    path("batches/<int:pk>/", views.OneBatch.as_view(), name="batch"),
    path("batches/<int:pk>/decisions/", views.Decisions.as_view(), name="decisions"),
    path("batches/<int:pk>/export/", contacts.Export.as_view(), name="export"),
    path("batches/<int:pk>/events/", views.Events.as_view(), name="events"),
    path("batches/<int:pk>/accept/", verbs.Accept.as_view(), name="accept"),
    path("batches/<int:pk>/reject/", verbs.Reject.as_view(), name="reject"),
    path("batches/<int:pk>/take-back/", verbs.TakeBack.as_view(), name="take-back"),
    path("batches/<int:pk>/undo/", verbs.Undo.as_view(), name="undo"),
    path("contacts/find/", contacts.Find.as_view(), name="find"),
    path("batches/<int:pk>/change/", verbs.Change.as_view(), name="change"),
    path("batches/<int:pk>/cancel-change/", verbs.CancelChange.as_view(), name="cancel_change"),
    path("batches/<int:pk>/hold/", verbs.Hold.as_view(), name="hold"),
    path("batches/<int:pk>/lift-hold/", verbs.LiftHold.as_view(), name="lift_hold"),
]
