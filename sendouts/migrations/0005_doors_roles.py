"""Who sees contacts, stores credentials, and manages people; and tokens that are known by their fingerprint only."""

from importlib import import_module

from django.contrib.auth.management import create_permissions
from django.db import migrations

_BEFORE = import_module("sendouts.migrations.0003_roles")
VIEWER = _BEFORE.VIEWER
REVIEWER = _BEFORE.REVIEWER | {("sendouts", "view_contacts")}
MANAGER = (
    _BEFORE.MANAGER | REVIEWER | {("actions", f"{verb}_credential") for verb in ("view", "add", "change", "delete")}
)
ADMINISTRATOR = (
    MANAGER
    | {("auth", f"{verb}_{model}") for verb in ("view", "add", "change", "delete") for model in ("user", "group")}
    | {("sendouts", f"{verb}_apitoken") for verb in ("view", "add", "delete")}
)
ROLES = {"Viewer": VIEWER, "Reviewer": REVIEWER, "Manager": MANAGER, "Administrator": ADMINISTRATOR}


def extend_roles(apps, schema_editor):
    """Give the roles what is new; a group keeps whatever else it has."""
    database = schema_editor.connection.alias
    for label in ("sendouts", "actions", "auth"):
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


def take_over_tokens(apps, schema_editor):
    """Tokens that lay in the clear in the framework's own table stay valid, as fingerprints; the table goes."""
    connection = schema_editor.connection
    if "authtoken_token" not in connection.introspection.table_names():
        return
    from sendouts.models.api_token import fingerprint

    with connection.cursor() as cursor:
        cursor.execute('SELECT "key", user_id FROM authtoken_token')
        rows = cursor.fetchall()
    token_model = apps.get_model("sendouts", "ApiToken")
    for key, user_id in rows:
        token_model.objects.using(connection.alias).create(
            user_id=user_id, prefix=key[:4], digest=fingerprint(key)
        )
    schema_editor.execute("DROP TABLE authtoken_token")


class Migration(migrations.Migration):
    dependencies = [
        ("sendouts", "0004_doors_tokens_and_contacts"),
        ("actions", "0002_doors_credentials"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(extend_roles, migrations.RunPython.noop),
        migrations.RunPython(take_over_tokens, migrations.RunPython.noop),
    ]
