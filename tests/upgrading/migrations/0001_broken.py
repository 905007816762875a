from django.conf import settings
from django.db import migrations


def fail(apps, schema_editor):
    if not (settings.DATA_DIR / "mended").exists():
        raise RuntimeError("The migration is broken.")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    # On an empty database there is no table of hooks yet.
    run_before = [] if (settings.DATA_DIR / "migrated").exists() else [("sendouts", "0001_initial")]
    operations = [migrations.RunPython(fail, migrations.RunPython.noop)]
