"""Stopping a release, what events raised the revision, and workers that die."""

from importlib import import_module

from django.db import migrations, models


# SQLite makes the table anew for a new column, and loses its trigger with it.
AGAIN = import_module("sendouts.migrations.0002_events_stay").SQLITE.replace("CREATE TRIGGER", "CREATE TRIGGER IF NOT EXISTS")


def events_stay(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(AGAIN)


class Migration(migrations.Migration):

    dependencies = [
        ('actions', '0001_initial'),
        ('sendouts', '0003_roles'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='batch',
            name='batch_attention_known',
        ),
        migrations.RemoveConstraint(
            model_name='webhook',
            name='webhook_outcome_known',
        ),
        migrations.AddField(
            model_name='batch',
            name='deaths',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='batch',
            name='final',
            field=models.PositiveIntegerField(default=0, verbose_name='sent before the release was stopped'),
        ),
        migrations.AddField(
            model_name='event',
            name='revision',
            field=models.PositiveIntegerField(default=0, verbose_name='revision'),
        ),
        migrations.AddField(
            model_name='webhook',
            name='deaths',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name='batch',
            name='attention',
            field=models.CharField(blank=True, choices=[('', '–'), ('no_download', 'the contacts cannot be downloaded'), ('host_not_listed', 'an address is not on the allow-list'), ('no_proven_end', 'the contact file is not complete'), ('file_changed', 'the contact file changed between two downloads'), ('unread_rows', 'rows of the contact file cannot be read'), ('hook_unclear', 'the hook contradicts itself'), ('same_finish', 'another batch has the same release address'), ('unconfirmed', 'rejections are not confirmed'), ('finish_unconfirmed', 'the release is not confirmed'), ('refusal_stops', 'a rejection of the whole batch cannot be completed'), ('screening_failed', 'the contacts could not be screened'), ('worker_died', 'a worker died of it again and again')], default='', max_length=20, verbose_name='attention'),
        ),
        migrations.AlterField(
            model_name='webhook',
            name='outcome',
            field=models.CharField(blank=True, choices=[('', 'waiting'), ('planned', 'planned'), ('duplicate', 'duplicate'), ('unreadable', 'unreadable'), ('other', 'another event'), ('failed', 'could not be planned')], default='', max_length=12, verbose_name='outcome'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('attention__in', ['', 'no_download', 'host_not_listed', 'no_proven_end', 'file_changed', 'unread_rows', 'hook_unclear', 'same_finish', 'unconfirmed', 'finish_unconfirmed', 'refusal_stops', 'screening_failed', 'worker_died'])), name='batch_attention_known'),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['', 'planned', 'duplicate', 'unreadable', 'other', 'failed'])), name='webhook_outcome_known'),
        ),
        migrations.RunPython(events_stay, migrations.RunPython.noop),
    ]
