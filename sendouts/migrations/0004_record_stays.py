"""Events are never deleted either, except those of retired singles, by retention."""

from django.db import migrations

POSTGRESQL = """
CREATE OR REPLACE FUNCTION sendouts_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('sendgate.retention', true) = 'open' AND EXISTS (
            SELECT 1 FROM sendouts_batch
            WHERE id = OLD.batch_id AND source = 'single' AND retired_at IS NOT NULL
        ) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'events are never deleted';
    ELSIF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'events are never deleted';
    END IF;
    RAISE EXCEPTION 'events are never changed';
END $$;
CREATE TRIGGER sendouts_event_kept BEFORE DELETE ON sendouts_event
FOR EACH ROW EXECUTE FUNCTION sendouts_event_stays();
CREATE TRIGGER sendouts_event_not_truncated BEFORE TRUNCATE ON sendouts_event
FOR EACH STATEMENT EXECUTE FUNCTION sendouts_event_stays();
"""
POSTGRESQL_BACK = """
DROP TRIGGER sendouts_event_not_truncated ON sendouts_event;
DROP TRIGGER sendouts_event_kept ON sendouts_event;
"""
SQLITE = (
    # The trigger must not name the table of batches: SQLite could then not alter that table any more.
    "CREATE TABLE sendouts_record_door (batch_id bigint NOT NULL PRIMARY KEY)",
    """
    CREATE TRIGGER sendouts_event_kept BEFORE DELETE ON sendouts_event
    WHEN NOT EXISTS (SELECT 1 FROM sendouts_record_door WHERE batch_id = OLD.batch_id)
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END
    """,
)
SQLITE_BACK = ("DROP TRIGGER sendouts_event_kept", "DROP TABLE sendouts_record_door")


def add(apps, schema_editor):
    for statement in [POSTGRESQL] if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    for statement in [POSTGRESQL_BACK] if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("sendouts", "0003_roles")]
    operations = [migrations.RunPython(add, drop)]
