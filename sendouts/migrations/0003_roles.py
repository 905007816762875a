"""Roles to start with: who looks, who decides, who sets up, who manages people."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

_LOOKED_AT = {
    "sendouts": ("batch", "webhook", "allowedhost", "alarm"),
    "actions": ("project", "sendout", "actiondefinition", "suppressionlist", "codepool"),
}
VIEWER = {(app, f"view_{model}") for app, models in _LOOKED_AT.items() for model in models}
REVIEWER = VIEWER | {("sendouts", "review_batch"), ("sendouts", "view_contacts")}
MANAGER = (
    REVIEWER
    | {("sendouts", "take_on_batch")}
    | {("actions", f"{verb}_{model}") for model in _LOOKED_AT["actions"] for verb in ("add", "change")}
    | {("actions", f"{verb}_credential") for verb in ("view", "add", "change", "delete")}
    | {("sendouts", f"{verb}_allowedhost") for verb in ("add", "change", "delete")}
    | {("sendouts", f"{verb}_channel") for verb in ("view", "add", "change", "delete")}
)
ADMINISTRATOR = (
    MANAGER
    | {("auth", f"{verb}_{model}") for verb in ("view", "add", "change", "delete") for model in ("user", "group")}
    | {("sendouts", f"{verb}_apitoken") for verb in ("view", "add", "delete")}
    | {("sendouts", "view_message")}
)
ROLES = {"Viewer": VIEWER, "Reviewer": REVIEWER, "Manager": MANAGER, "Administrator": ADMINISTRATOR}


def create_roles(apps, schema_editor):
    """Create the groups with their permissions; a group of that name that exists keeps what it has, and gains these."""
    database = schema_editor.connection.alias
    for label in ("sendouts", "actions", "auth"):
        config = apps.get_app_config(label)
        # Django creates permissions only after all migrations have run, too late on a fresh database, and only for
        # applications with a module of models, which those of a migration's state have not.
        before, config.models_module = getattr(config, "models_module", None), True
        create_permissions(config, verbosity=0, using=database, apps=apps)
        config.models_module = before
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for name, wanted in ROLES.items():
        group, _ = group_model.objects.using(database).get_or_create(name=name)
        for app, codename in sorted(wanted):
            group.permissions.add(
                permission_model.objects.using(database).get(content_type__app_label=app, codename=codename)
            )


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sendouts", "0002_events_stay"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
