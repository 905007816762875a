"""A batch keeps the rules of two people that held when it came, and an event the name of its person."""

from importlib import import_module

from django.db import migrations, models

TRIGGERS = {
    "sendouts_event_stays": import_module("sendouts.migrations.0002_events_stay").SQLITE,
    "sendouts_event_kept": import_module("sendouts.migrations.0004_record_stays").SQLITE[1],
}


def restore(apps, schema_editor):
    """Make the triggers anew on SQLite: it copies the table of events for the new column, and forgets them."""
    if schema_editor.connection.vendor == "sqlite":
        for name, statement in TRIGGERS.items():
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
            schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ('sendouts', '0005_alarm'),
    ]

    operations = [
        migrations.AddField(
            model_name='batch',
            name='no_own_changes',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='batch',
            name='second_person_from',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='event',
            name='who',
            field=models.CharField(blank=True, db_default='', default='', max_length=150),
        ),
        migrations.RunPython(restore, restore),
    ]
