"""Events are appended and never changed: the database refuses it."""

from django.db import migrations

POSTGRESQL = """
CREATE FUNCTION sendouts_event_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$;
CREATE TRIGGER sendouts_event_stays BEFORE UPDATE ON sendouts_event
FOR EACH ROW EXECUTE FUNCTION sendouts_event_stays();
"""
SQLITE = """
CREATE TRIGGER sendouts_event_stays BEFORE UPDATE ON sendouts_event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
"""


def add(apps, schema_editor):
    schema_editor.execute(POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE)


def drop(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute("DROP TRIGGER sendouts_event_stays" + (" ON sendouts_event" if postgresql else ""))
    if postgresql:
        schema_editor.execute("DROP FUNCTION sendouts_event_stays")


class Migration(migrations.Migration):
    dependencies = [("sendouts", "0001_initial")]
    operations = [migrations.RunPython(add, drop)]
