"""Roles to start with: who looks, who decides, who sets up."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

_LOOKED_AT = {
    "sendouts": ("batch", "webhook", "allowedhost"),
    "actions": ("project", "sendout", "actiondefinition"),
}
VIEWER = {(app, f"view_{model}") for app, models in _LOOKED_AT.items() for model in models}
REVIEWER = VIEWER | {("sendouts", "review_batch")}
MANAGER = (
    REVIEWER
    | {("sendouts", "take_on_batch")}
    | {("actions", f"{verb}_{model}") for model in _LOOKED_AT["actions"] for verb in ("add", "change")}
    | {("sendouts", f"{verb}_allowedhost") for verb in ("add", "change", "delete")}
)
ROLES = {"Viewer": VIEWER, "Reviewer": REVIEWER, "Manager": MANAGER}


def create_roles(apps, schema_editor):
    """Create the groups with their permissions; a group of that name that exists keeps what it has, and gains these."""
    database = schema_editor.connection.alias
    # Django creates permissions only after all migrations have run: too late on a fresh database.
    for label in _LOOKED_AT:
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, verbosity=0, using=database, apps=apps)
        config.models_module = None
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for name, wanted in ROLES.items():
        group, _ = group_model.objects.using(database).get_or_create(name=name)
        for app, codename in sorted(wanted):
            found = permission_model.objects.using(database).get(content_type__app_label=app, codename=codename)
            group.permissions.add(found)


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sendouts", "0002_events_stay"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
