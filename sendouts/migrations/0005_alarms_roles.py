"""Whoever looks at batches looks at alarms, too."""

from importlib import import_module

from django.db import migrations

roles = import_module("sendouts.migrations.0003_roles")


def extend_roles(apps, schema_editor):
    """Give the groups that were there from the start a look at alarms; a group that was deleted stays deleted."""
    database = schema_editor.connection.alias
    config = apps.get_app_config("sendouts")
    # Django creates permissions only for applications with a module of models; the state of a migration has none.
    before, config.models_module = getattr(config, "models_module", None), True
    roles.create_permissions(config, verbosity=0, using=database, apps=apps)
    config.models_module = before
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    look = permissions.get(content_type__app_label="sendouts", codename="view_alarm")
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=roles.ROLES):
        group.permissions.add(look)


class Migration(migrations.Migration):
    dependencies = [("sendouts", "0004_alarms")]
    operations = [migrations.RunPython(extend_roles, migrations.RunPython.noop)]
