"""The predefined roles for administrators to choose from; each is a group of that name."""

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# From least to most powerful; each may do everything that the ones before may.
ROLES: dict[str, tuple[Promise, Promise]] = {
    "Viewer": (
        _("Viewer"),
        _("Looks at batches, figures and settings, and changes nothing; does not see who the contacts are."),
    ),
    "Reviewer": (_("Reviewer"), _("Also sees who the contacts are, and accepts, rejects and corrects held batches.")),
    "Manager": (
        _("Manager"),
        _("Also sets up projects, actions, lists and policies, and takes on what cannot be confirmed or read."),
    ),
    "Administrator": (_("Administrator"), _("Also adds people, gives them roles and projects, and makes API tokens.")),
}
NONE = ("", _("No role: may not log in."))
# The framework's standard actions on rows, as the prefix of a permission's name.
_VERBS = {"add": _("Add"), "change": _("Change"), "delete": _("Delete"), "view": _("View")}


def choices(groups: QuerySet[Group], *, none: bool) -> list[tuple[str, SafeString | Promise]]:
    """Return the roles among these groups, each with a sentence about its permissions. none: offer “no role” too."""
    there = set(groups.filter(name__in=ROLES).values_list("name", flat=True))
    found: list[tuple[str, SafeString | Promise]] = [NONE] if none else []
    for name, (title, sentence) in ROLES.items():
        if name in there:
            found.append((name, format_html("<strong>{}</strong> – {}", title, sentence)))
    return found


def role_of(user: User) -> str:
    """Return the name of a person's role; the most powerful of several, empty for none."""
    own = set(user.groups.filter(name__in=ROLES).values_list("name", flat=True))
    return next((name for name in reversed(ROLES) if name in own), "")


def give(user: User, name: str) -> None:
    """Put a person into the group of a role and out of those of the others; other groups stay."""
    user.groups.remove(*user.groups.filter(name__in=ROLES).exclude(name=name))
    if name:
        user.groups.add(Group.objects.get(name=name))


def lacking(user: User) -> QuerySet[Permission]:
    """Return the permissions that a person does not have, and so cannot grant."""
    if user.is_superuser:
        return Permission.objects.none()
    own = Q(user=user) | Q(group__user=user)
    return Permission.objects.exclude(pk__in=Permission.objects.filter(own).values("pk"))


def givable_groups(user: User) -> QuerySet[Group]:
    """Return the groups that allow nothing that this person may not do."""
    return Group.objects.exclude(permissions__in=lacking(user))


def not_stronger(user: User) -> QuerySet[User]:
    """Return the people without a permission that this person lacks.

    Setting a person's password or holding their token gives all their permissions.
    """
    if user.is_superuser:
        return User.objects.all()
    more = lacking(user)
    found = User.objects.filter(is_superuser=False)
    return found.exclude(user_permissions__in=more).exclude(groups__permissions__in=more)


def offered(permissions: QuerySet[Permission]) -> QuerySet[Permission]:
    """Return the permissions that have an effect, without former states and the framework's own rows."""
    own = permissions.filter(content_type__app_label__in=("actions", "sendouts", "auth"))
    return own.exclude(content_type__model__startswith="historical").select_related("content_type")


def title_of(permission: Permission) -> str:
    """Return a permission in the reader's language: the model and the action."""
    kind = permission.content_type
    verb = permission.codename.removesuffix(f"_{kind.model}")
    return f"{kind.name} · {_VERBS.get(verb) or gettext(permission.name)}"
