"""Record changes of accounts that pass by the application, and a first entry for each account that exists."""

import django.db.models.functions.datetime
from django.db import migrations, models

RECORD, ANNOUNCED = "actions_accountrecord", "actions_announcedchange"
# Columns that are recorded, each with the value that a new row has by default.
PERSON = {
    "username": "", "first_name": "", "last_name": "", "email": "",
    "is_staff": False, "is_active": True, "is_superuser": False,
}
GROUP = {"name": ""}
# Tables of links: the subject and its column, the other column, and the words for a new and a deleted row.
LINKS = {
    "auth_user_groups": ("person", "user_id", "group_id", "joined", "left"),
    "auth_user_user_permissions": ("person", "user_id", "permission_id", "allowed", "forbidden"),
    "auth_group_permissions": ("group", "group_id", "permission_id", "allowed", "forbidden"),
    "sendouts_reach_projects": ("person", "reach_id", "project_id", "shown", "hidden"),
}
# Rows that belong to a person, the name that is recorded of them, and the words; an update is told by the third.
OWNED = {
    "sendouts_reach": ("''", "limited", "unlimited", None),
    "sendouts_apitoken": ("prefix", "token_made", "token_revoked", "token_changed"),
}
MARK = "OLD.password IS NOT NEW.password"
TOKEN_CHANGED = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("user_id", "name", "digest", "expires_at"))


def triggers(vendor):
    """Return (name, table, event, condition, statements) of every trigger, in the words of one database."""
    sql = Words(vendor)
    for table, subject, title, columns in (
        ("auth_user", "person", "username", PERSON),
        ("auth_group", "group", "name", GROUP),
    ):
        for event, word, row in (("INSERT", "created", "NEW"), ("UPDATE", "changed", "NEW"), ("DELETE", "deleted", "OLD")):
            old = {name: f"OLD.{name}" if event == "UPDATE" else sql.value(default) for name, default in columns.items()}
            data = sql.outside() if event == "DELETE" else sql.fields(columns, old)
            differs = " OR ".join(f"{old[name]} IS NOT NEW.{name}" for name in columns)
            entry = sql.entry(subject, f"{row}.id", f"{row}.{title}", word, data, f"{row}.{title}")
            yield f"{table}_{word}", table, event, differs if event == "UPDATE" else None, entry
    entry = sql.entry("person", "NEW.id", "NEW.username", "password", sql.outside(), "NEW.username")
    yield "auth_user_password", "auth_user", "UPDATE", MARK, entry
    for table, (subject, own, other, added, removed) in LINKS.items():
        for event, word, row in (("INSERT", added, "NEW"), ("DELETE", removed, "OLD")):
            data = sql.linked(f"{row}.{other}", groups=other == "group_id")
            group = f"{row}.group_id" if table == "auth_user_groups" else "NULL"
            entry = sql.entry(subject, f"{row}.{own}", sql.last_name(subject, f"{row}.{own}"), word, data, "NULL", group)
            yield f"{table}_{word}", table, event, None, entry
    for table, (name, added, removed, changed) in OWNED.items():
        for event, word, row in (("INSERT", added, "NEW"), ("DELETE", removed, "OLD"), ("UPDATE", changed, "NEW")):
            if word is None:
                continue
            data = sql.outside() if name == "''" else sql.named(f"{row}.{name}")
            entry = sql.entry("person", f"{row}.user_id", sql.last_name("person", f"{row}.user_id"), word, data, "NULL")
            yield f"{table}_{word}", table, event, TOKEN_CHANGED if event == "UPDATE" else None, entry


class Words:
    """The words of one database. No trigger on SQLite names another table of accounts: these could not be altered then."""

    def __init__(self, vendor):
        self.postgresql = vendor == "postgresql"

    def value(self, default):
        if isinstance(default, bool):
            return str(default).upper() if self.postgresql else str(int(default))
        return f"'{default}'"

    def outside(self):
        return "jsonb_build_object('outside', TRUE)" if self.postgresql else "json_object('outside', json('true'))"

    def named(self, text):
        if self.postgresql:
            return f"{self.outside()} || jsonb_build_object('names', jsonb_build_array({text} || '…'))"
        return f"json_object('outside', json('true'), 'names', json_array({text} || '…'))"

    def linked(self, number, groups):
        """Tell a group by its last recorded name, and anything else by its id."""
        key, what = ("names", self.last_name("group", number)) if groups else ("ids", number)
        if self.postgresql:
            return f"{self.outside()} || jsonb_build_object('{key}', jsonb_build_array({what}))"
        return f"json_object('outside', json('true'), '{key}', json_array({what}))"

    def fields(self, columns, old):
        if self.postgresql:
            parts = ", ".join(
                f"('{name}', to_jsonb({old[name]}{'' if isinstance(columns[name], bool) else '::text'}), to_jsonb(NEW.{name}))"
                for name in columns
            )
            found = (
                "SELECT jsonb_object_agg(name, jsonb_build_array(before, after)) "
                f"FROM (VALUES {parts}) AS told (name, before, after) WHERE before IS DISTINCT FROM after"
            )
            return f"{self.outside()} || jsonb_build_object('fields', COALESCE(({found}), jsonb_build_object()))"
        pairs = ", ".join(
            f"'{name}', json_array({self._json(columns[name], old[name])}, {self._json(columns[name], f'NEW.{name}')})"
            for name in columns
        )
        same = ", ".join(f"CASE WHEN {old[name]} IS NEW.{name} THEN '$.{name}' ELSE '$.none' END" for name in columns)
        return f"json_object('outside', json('true'), 'fields', json_remove(json_object({pairs}), {same}))"

    def _json(self, default, value):
        return f"json(CASE WHEN {value} THEN 'true' ELSE 'false' END)" if isinstance(default, bool) else value

    def last_name(self, subject, number):
        found = f"SELECT name FROM {RECORD} WHERE subject = '{subject}' AND subject_id = {number} ORDER BY id DESC LIMIT 1"
        return f"COALESCE(({found}), '#' || {number})"

    def entry(self, subject, number, name, word, data, new_name, group="NULL"):
        """Return the statement that records a change, unless the application has announced it a moment ago."""
        now, ago = (
            ("clock_timestamp()", "clock_timestamp() - interval '1 minute'")
            if self.postgresql
            else ("strftime('%Y-%m-%d %H:%M:%f', 'now')", "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 minute')")
        )
        return f"""
        INSERT INTO {RECORD} (at, subject, subject_id, name, word, who, who_id, data)
        SELECT {now}, '{subject}', {number}, {name}, '{word}', '', NULL, {data}
        WHERE NOT EXISTS (
            SELECT 1 FROM {ANNOUNCED} AS told WHERE told.at > {ago} AND (
                (told.subject = '{subject}' AND (told.subject_id = {number} OR told.name = {new_name}))
                OR (told.subject = 'group' AND told.subject_id = {group})
            )
        );
        """


def add(apps, schema_editor):
    begin(apps, schema_editor.connection.alias)
    vendor = schema_editor.connection.vendor
    for name, table, event, condition, statement in triggers(vendor):
        if vendor == "postgresql":
            condition = (condition or "TRUE").replace("IS NOT NEW", "IS DISTINCT FROM NEW")
            schema_editor.execute(
                f"CREATE FUNCTION {name}_outside() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {statement} RETURN NULL; END $$",
                params=None,
            )
            schema_editor.execute(
                f"CREATE TRIGGER {name}_outside AFTER {event} ON {table} FOR EACH ROW WHEN ({condition}) "
                f"EXECUTE FUNCTION {name}_outside()",
                params=None,
            )
        else:
            # If a later migration makes one of these tables anew on SQLite, it must create its triggers again.
            when = f"WHEN {condition} " if condition else ""
            schema_editor.execute(
                f"CREATE TRIGGER {name}_outside AFTER {event} ON {table} {when}BEGIN {statement} END", params=None
            )


def drop(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for name, *_ in triggers(vendor):
        if vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION {name}_outside() CASCADE")
        else:
            schema_editor.execute(f"DROP TRIGGER {name}_outside")


def begin(apps, database):
    """Write the first entries of the accounts that have none: what each has now."""
    record = apps.get_model("actions", "AccountRecord").objects.using(database)
    known = set(record.values_list("subject", "subject_id"))
    entries = []

    def note(subject, row, name, word, **data):
        entries.append(
            record.model(subject=subject, subject_id=row.pk, name=name[:150], word=word, data={"before": True, **data})
        )

    def permissions(links):
        found = links.order_by("content_type__app_label", "codename")
        return [f"{app}.{code}" for app, code in found.values_list("content_type__app_label", "codename")]

    def fields(row, columns):
        return {name: [old, getattr(row, name)] for name, old in columns.items() if getattr(row, name) != old}

    for group in apps.get_model("auth", "Group").objects.using(database).order_by("pk"):
        if ("group", group.pk) not in known:
            note("group", group, group.name, "created", fields=fields(group, GROUP))
            if names := permissions(group.permissions):
                note("group", group, group.name, "allowed", names=names)
    reaches = apps.get_model("sendouts", "Reach").objects.using(database)
    tokens = apps.get_model("sendouts", "ApiToken").objects.using(database)
    for user in apps.get_model("auth", "User").objects.using(database).order_by("pk"):
        if ("person", user.pk) in known:
            continue
        note("person", user, user.username, "created", fields=fields(user, PERSON))
        if names := sorted(user.groups.values_list("name", flat=True)):
            note("person", user, user.username, "joined", names=names)
        if names := permissions(user.user_permissions):
            note("person", user, user.username, "allowed", names=names)
        for reach in reaches.filter(user_id=user.pk):
            note("person", user, user.username, "limited")
            note("person", user, user.username, "shown", names=sorted(reach.projects.values_list("name", flat=True)))
        for token in tokens.filter(user_id=user.pk).order_by("pk"):
            name = f"{token.prefix}…" + (f" ({token.name})" if token.name else "")
            note("person", user, user.username, "token_made", names=[name])
    record.bulk_create(entries, batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0008_empty_words"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("sendouts", "0013_asked"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnnouncedChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("subject", models.CharField(choices=[("person", "person"), ("group", "group")], max_length=10)),
                ("subject_id", models.PositiveBigIntegerField(null=True)),
                ("name", models.CharField(max_length=150, null=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(add, drop),
    ]
