"""Entries of suppression lists lose the invisible characters that hid them from every comparison.

Of a list of fingerprints nothing can be mended: what was hashed is not known.
"""

from django.db import migrations, models

from actions.names import visible

# Entries looked at in one query.
_AT_ONCE = 2_000


def _clean(apps, schema_editor):
    entries = apps.get_model("actions", "SuppressionEntry").objects
    lists = apps.get_model("actions", "SuppressionList").objects
    for found in lists.filter(hashed=False, holds__in=["contact_id", "email"]):
        last = merged = 0
        while True:
            rows = entries.filter(suppression_list=found, pk__gt=last, value__regex=r"[^ -~]").order_by("pk")[:_AT_ONCE]
            if not (some := list(rows)):
                break
            last = some[-1].pk
            for entry in some:
                merged += _clean_one(entries, entry)
        lists.filter(pk=found.pk).update(entries=models.F("entries") - merged)


def _clean_one(entries, entry):
    value = visible(entry.value)
    if not value or value == entry.value:
        return 0
    twin = entries.filter(suppression_list=entry.suppression_list_id, value=value).first()
    if twin is None:
        entry.value = value
        entry.save(update_fields=["value"])
        return 0
    # Both mean the same: the one that is valid for longer stays.
    if twin.expires_at is not None and (entry.expires_at is None or entry.expires_at > twin.expires_at):
        twin.reason, twin.expires_at = entry.reason, entry.expires_at
        twin.save(update_fields=["reason", "expires_at"])
    entry.delete()
    return 1


class Migration(migrations.Migration):
    dependencies = [("actions", "0003_upload_columns")]
    operations = [migrations.RunPython(_clean, migrations.RunPython.noop)]
