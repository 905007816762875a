"""URLs of the desk outside the admin: the live home page, its files, and decisions on sets of singles."""

from django.contrib import admin
from django.urls import path

from desk import singles
from desk.home import page

_only = admin.site.admin_view
app_name = "desk"
urlpatterns = [
    path("live/", _only(page.live), name="live"),
    path("closure-seen/", _only(page.mark_closure_seen), name="closure_seen"),
    path("ways.csv", _only(page.ways_file), name="ways"),
    path("reasons.csv", _only(page.reasons_file), name="reasons"),
    path("spacing.csv", _only(page.spacing_file), name="spacing"),
    path("singles/<int:sendout_id>/", _only(singles.page), name="singles"),
    path("singles/<int:sendout_id>/accept/", _only(singles.decide), {"name": "accept"}, name="singles_accept"),
    path("singles/<int:sendout_id>/refuse/", _only(singles.decide), {"name": "refuse"}, name="singles_refuse"),
]
