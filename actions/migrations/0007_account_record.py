"""The record of accounts, which the database refuses to change."""

import django.utils.timezone
from django.db import migrations, models

TABLE = "actions_accountrecord"
POSTGRESQL = (
    f"""
    CREATE FUNCTION {TABLE}_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the record of accounts is never changed'; END $$
    """,
    f"""
    CREATE TRIGGER {TABLE}_stays BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION {TABLE}_stays()
    """,
    f"""
    CREATE TRIGGER {TABLE}_not_truncated BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_stays()
    """,
)
# If a later migration makes the table anew on SQLite, it must create these again.
SQLITE = tuple(
    f"""
    CREATE TRIGGER {TABLE}_{name} BEFORE {verb} ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'the record of accounts is never changed'); END
    """
    for name, verb in (("stays", "UPDATE"), ("kept", "DELETE"))
)


def add(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    # The triggers go with the table.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION {TABLE}_stays() CASCADE")


class Migration(migrations.Migration):

    dependencies = [
        ('actions', '0006_code_alikes'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccountRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='time')),
                ('subject', models.CharField(choices=[('person', 'person'), ('group', 'group')], max_length=10, verbose_name='of')),
                ('subject_id', models.PositiveBigIntegerField()),
                ('name', models.CharField(max_length=150, verbose_name='name')),
                ('word', models.CharField(choices=[('created', 'Created'), ('changed', 'Changed'), ('deleted', 'Deleted'), ('password', 'Password changed'), ('joined', 'Role or group added'), ('left', 'Role or group removed'), ('allowed', 'Permissions added'), ('forbidden', 'Permissions removed'), ('limited', 'Limited to some projects'), ('unlimited', 'Sees all projects'), ('shown', 'Projects added'), ('hidden', 'Projects removed'), ('token_made', 'API token created'), ('token_changed', 'API token changed'), ('token_revoked', 'API token deleted')], max_length=20, verbose_name='event')),
                ('who', models.CharField(blank=True, default='', max_length=150, verbose_name='who')),
                ('who_id', models.PositiveBigIntegerField(null=True)),
                ('data', models.JSONField(default=dict)),
            ],
            options={
                'verbose_name': 'change of an account',
                'verbose_name_plural': 'account history',
                'ordering': ['-id'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['subject', 'subject_id', 'id'], name='account_record_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('subject__in', ['person', 'group'])), name='account_record_subject_known'), models.CheckConstraint(condition=models.Q(('word__in', ['created', 'changed', 'deleted', 'password', 'joined', 'left', 'allowed', 'forbidden', 'limited', 'unlimited', 'shown', 'hidden', 'token_made', 'token_changed', 'token_revoked'])), name='account_record_word_known')],
            },
        ),
        migrations.RunPython(add, drop),
    ]
