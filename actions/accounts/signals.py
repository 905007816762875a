"""Write the record of accounts whenever a row changes, whatever changed it: a form, a command or a shell.

Signals, although the house avoids them: the framework's own forms and commands change these rows, and no verb of ours
stands before them. QuerySet.update() and SQL pass them by: triggers record these, without the person.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import get_hasher, identify_hasher, is_password_usable
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from actions.access import Reach
from actions.accounts.announced import announce, withdraw
from actions.accounts.record import AccountSubject, AccountWord, note

PERSON, GROUP = AccountSubject.PERSON, AccountSubject.GROUP
# A login changes the moment of the last one; of a password only the fact is told.
_UNTOLD = {"id", "password", "last_login", "date_joined"}
_BEFORE = "_recorded_before"


def connect() -> None:
    """Watch the models of accounts; repeating it changes nothing."""
    token: Any = apps.get_model("sendouts", "ApiToken")
    for sender, subject in ((User, PERSON), (Group, GROUP)):
        _listen(pre_save, sender, _keep_stored)
        _listen(post_save, sender, partial(_saved, subject))
        _listen(pre_delete, sender, partial(_deleted, subject))
        _listen(post_delete, sender, _ended)
    for through, forward, backward, added, removed in (
        (User.groups.through, User, Group, AccountWord.JOINED, AccountWord.LEFT),
        (User.user_permissions.through, User, Permission, AccountWord.ALLOWED, AccountWord.FORBIDDEN),
        (Group.permissions.through, Group, Permission, AccountWord.ALLOWED, AccountWord.FORBIDDEN),
        (Reach.projects.through, Reach, Reach.projects.field.related_model, AccountWord.SHOWN, AccountWord.HIDDEN),
    ):
        _listen(m2m_changed, through, partial(_linked, (forward, backward), (added, removed)))
    _listen(pre_save, Reach, _keep_stored)
    _listen(post_save, Reach, _limited)
    _listen(pre_delete, Reach, _unlimited)
    _listen(post_delete, Reach, _ended)
    _listen(pre_save, token, _keep_stored)
    _listen(post_save, token, _token_saved)
    _listen(pre_delete, token, _token_revoked)
    _listen(post_delete, token, _ended)


def _listen(signal: Any, sender: Any, receiver: Any) -> None:
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=f"account record of {sender._meta.label}")


def _keep_stored(*, instance: Any, update_fields: Any = None, **_more: Any) -> None:
    """Announce the change, and keep the stored row beside the new one until it is saved."""
    told = update_fields is None or set(update_fields) - {"last_login", "last_used"}
    stored = type(instance)._default_manager.filter(pk=instance.pk).first() if told and instance.pk else None
    setattr(instance, _BEFORE, stored)
    if told:
        announce(instance, [_account(instance)])


def _account(row: Any) -> Any:
    """Return the person or group that a row belongs to."""
    return row if isinstance(row, User | Group) else row.user


def _ended(*, instance: Any, **_more: Any) -> None:
    withdraw(instance)


def _saved(subject: AccountSubject, *, instance: Any, created: bool, update_fields: Any = None, **_more: Any) -> None:
    before = instance.__dict__.pop(_BEFORE, None)
    if created:
        empty = type(instance)()
        note(subject, instance, AccountWord.CREATED, fields=_differences(empty, instance, update_fields))
    elif before is not None:
        if fields := _differences(before, instance, update_fields):
            note(subject, instance, AccountWord.CHANGED, fields=fields)
        if subject == PERSON and _has_new_password(before, instance, update_fields):
            note(subject, instance, AccountWord.PASSWORD)
    withdraw(instance)


def _differences(old: Any, new: Any, stored: Iterable[str] | None) -> dict[str, list[Any]]:
    """Return the columns that differ, each with both values. stored: the names of those saved; None for all."""
    names = [field.name for field in new._meta.concrete_fields if field.name not in _UNTOLD]
    return {
        name: [getattr(old, name), getattr(new, name)]
        for name in names
        if (stored is None or name in stored) and getattr(old, name) != getattr(new, name)
    }


def _has_new_password(old: Any, new: Any, stored: Iterable[str] | None) -> bool:
    """Return whether the password itself was saved anew: at a login, the framework may only renew its hash."""
    if old.password == new.password or (stored is not None and "password" not in stored):
        return False
    renewed = stored is not None and set(stored) == {"password"} and new._password is None
    return not (renewed and is_password_usable(new.password) and _is_outdated(old.password))


def _is_outdated(encoded: str) -> bool:
    preferred = get_hasher()
    try:
        return identify_hasher(encoded).algorithm != preferred.algorithm or preferred.must_update(encoded)
    except ValueError:
        return False


def _deleted(subject: AccountSubject, *, instance: Any, **_more: Any) -> None:
    announce(instance, [instance])
    if isinstance(instance, Group):
        for person in instance.user_set.all():
            note(PERSON, person, AccountWord.LEFT, names=[instance.name])
        names = _names(instance.permissions.all())
    else:
        names = _names(instance.groups.all())
    note(subject, instance, AccountWord.DELETED, names=names)


def _linked(
    sides: tuple[type[Model], type[Model]],
    words: tuple[AccountWord, AccountWord],
    *,
    instance: Any,
    action: str,
    reverse: bool,
    model: Any,
    pk_set: set[int] | None,
    sender: Any,
    **_more: Any,
) -> None:
    """Note what was added to a person or a group, or is about to be removed, from either side of the relation."""
    if action in {"post_remove", "post_clear"}:
        withdraw(instance)
        return
    forward, backward = sides
    own, other = (
        (_column(sender, backward), _column(sender, forward))
        if reverse
        else (
            _column(sender, forward),
            _column(sender, backward),
        )
    )
    links = sender.objects.filter(**{own: instance.pk})
    if pk_set is not None:
        links = links.filter(**{f"{other}__in": pk_set})
    wanted = links.values(other) if action != "pre_add" else pk_set or ()
    found = model._default_manager.filter(pk__in=wanted)
    if action == "post_add":
        withdraw(instance)
    else:
        announce(instance, map(_account, found if reverse else [instance]))
    if action == "pre_add":
        return
    word = words[0] if action == "post_add" else words[1]
    if not reverse:
        if names := _names(found):
            _note_of(instance, word, names)
        return
    for row in found:
        _note_of(row, word, _names([instance]))


def _note_of(row: Any, word: AccountWord, names: list[str]) -> None:
    row = _account(row)
    note(GROUP if isinstance(row, Group) else PERSON, row, word, names=names)


def _column(through: Any, model: Any) -> str:
    """Return the column of a table of links that leads to a model."""
    return next(field.attname for field in through._meta.fields if field.related_model is model)


def _names(rows: Iterable[Any]) -> list[str]:
    return sorted(
        f"{row.content_type.app_label}.{row.codename}" if isinstance(row, Permission) else str(row) for row in rows
    )


def _limited(*, instance: Reach, created: bool, **_more: Any) -> None:
    instance.__dict__.pop(_BEFORE, None)
    if created:
        note(PERSON, instance.user, AccountWord.LIMITED)
    withdraw(instance)


def _unlimited(*, instance: Reach, origin: Any = None, **_more: Any) -> None:
    if not _goes_with_account(origin):
        announce(instance, [instance.user])
        note(PERSON, instance.user, AccountWord.UNLIMITED)


def _token_saved(*, instance: Any, created: bool, update_fields: Any = None, **_more: Any) -> None:
    before = instance.__dict__.pop(_BEFORE, None)
    if created:
        note(PERSON, instance.user, AccountWord.TOKEN_MADE, names=[_token(instance)])
    elif before is not None and _differences(before, instance, update_fields):
        note(PERSON, instance.user, AccountWord.TOKEN_CHANGED, names=[_token(instance)])
    withdraw(instance)


def _token_revoked(*, instance: Any, origin: Any = None, **_more: Any) -> None:
    if not _goes_with_account(origin):
        announce(instance, [instance.user])
        note(PERSON, instance.user, AccountWord.TOKEN_REVOKED, names=[_token(instance)])


def _token(row: Any) -> str:
    return f"{row} ({row.name})" if row.name else str(row)


def _goes_with_account(origin: Any) -> bool:
    """Return whether a row is deleted because its account is."""
    return isinstance(origin, User) or getattr(origin, "model", None) is User
