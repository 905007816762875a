"""Sentences that machines stored in English, shown in the language of whoever reads them.

What actions and stages say is stored as it was said, since nobody knows then who will read it.
"""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_SENTENCES = (
    gettext_noop("The field %(name)s is missing."),
    gettext_noop("The rule on the field %(name)s applies."),
    gettext_noop("The field %(name)s cannot be compared with the rule."),
    gettext_noop("The field %(name)s is too long for the pattern."),
    gettext_noop("On the list “%(name)s”."),
    gettext_noop("The field %(name)s is not of what the list holds."),
    gettext_noop("No list “%(name)s” is kept here for this project."),
    gettext_noop("The service did not say whether this contact consents."),
    gettext_noop("The field %(name)s identifies nobody."),
    gettext_noop("What identifies this contact cannot stand in an address."),
    gettext_noop("The answer of the service does not hold an object at “%(path)s”."),
    gettext_noop("The answer of the service does not hold a list at “%(path)s”."),
    gettext_noop("The service answered an entry that names nobody at “%(path)s”."),
    gettext_noop("The answer of %(host)s is not JSON."),
    gettext_noop("%(host)s may not be called (%(code)s)."),
    gettext_noop("%(host)s answered %(code)s."),
    gettext_noop("%(host)s could not be reached, or stopped answering."),
    gettext_noop("The answer is too long."),
    gettext_noop("The answer took too long."),
    gettext_noop("The database did not answer."),
    gettext_noop("%(host)s has not answered for a while, and is left alone for a moment."),
    gettext_noop("The configuration is not valid any more: %(fields)s."),
    gettext_noop("An action failed; its contacts were let pass."),
    gettext_noop("No time was left to ask."),
    gettext_noop("A preview asks nobody."),
    gettext_noop("No code is left in the pool."),
    gettext_noop("No pool of codes is called “%(name)s” here."),
    gettext_noop("The pool of codes “%(name)s” is archived."),
    gettext_noop("Some of the codes are not reserved any more. Run the checks again."),
    gettext_noop("The answer of the service does not hold “codes”."),
    gettext_noop("The service sent something that is not a code."),
    gettext_noop("The service sent more codes than it was asked for."),
    gettext_noop("The property %(name)s has no value for this contact."),
    gettext_noop("A tag has no name, since a name of the sendout is empty."),
    gettext_noop("A value holds “|” or a line break, which an import cannot."),
    gettext_noop("An import might not end before the deadline, so that none was begun."),
    gettext_noop("The platform takes the next import too late for this sendout."),
    gettext_noop("The platform could not carry out the import."),
    gettext_noop("The platform did not give the import a number."),
    gettext_noop("The platform did not say how the import stands."),
    gettext_noop("No credential is called “%(name)s”."),
    gettext_noop("The credential “%(name)s” cannot be opened with the keys in ENCRYPTION_KEYS."),
    gettext_noop("The credential “%(name)s” is not a user and a password."),
    gettext_noop("The credential “%(name)s” begins with whsec_, but is not Base64."),
    gettext_noop("%(host)s did not answer as S3 does."),
    gettext_noop("The storage gave the upload up; it begins again."),
    gettext_noop("%(host)s is not the host that the fingerprint belongs to."),
    gettext_noop("%(host)s does not know this user and password."),
    gettext_noop("%(host)s lets this user put no file there."),
    gettext_noop("%(host)s lets this user make no folder. Name one that exists, or none."),
    gettext_noop("%(host)s lets this user rename no file. Have it written under its own name."),
    gettext_noop("The private key of “%(name)s” cannot be read, or has a passphrase."),
    gettext_noop("%(host)s did not take the file (%(error)s)."),
    gettext_noop("No kind is called “%(name)s”."),
    gettext_noop("The kind did not return one answer for each contact."),
    gettext_noop("The kind returned something that is not an answer."),
    gettext_noop("The kind %(name)s cannot act."),
    gettext_noop("A worker died of it again and again."),
    gettext_noop("The kind %(name)s can neither check nor act."),
    gettext_noop("The kind %(name)s could not be made: %(error)s."),
    gettext_noop("The kind %(name)s raised %(error)s."),
    gettext_noop("The body is empty."),
    gettext_noop("The body is not JSON: line %(line)s, column %(column)s."),
    gettext_noop("The body is JSON, but it is not an object."),
    gettext_noop("The body is not text in UTF-8: byte %(byte)s is the first bad one."),
    gettext_noop("The body holds more than %(number)s values."),
    gettext_noop("The body is JSON nested more than %(levels)s levels deep."),
    gettext_noop("Planning failed %(times)s times (%(error)s); it is tried again."),
    gettext_noop("No key in ENCRYPTION_KEYS opens this hook: put the old key back. It is tried again."),
    gettext_noop("Planning ended the worker %(times)s times; it is not tried again by itself."),
    gettext_noop("Keys: %(keys)s"),
)
_PATTERNS = [(re.compile(re.sub(r"%\\?\((\w+)\\?\)s", r"(?P<\1>.+)", re.escape(text))), text) for text in _SENTENCES]
# Said behind another sentence.
_NOT_AGAIN = gettext_noop("No time was left to ask again.")


def stored(text: str) -> str:
    """Translate a sentence that a machine stored; what nobody knows, and what staff wrote, stays as it is."""
    if text.endswith(f" {_NOT_AGAIN}"):
        return f"{stored(text.removesuffix(f' {_NOT_AGAIN}'))} {_(_NOT_AGAIN)}"
    for pattern, template in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _(template) % found.groupdict()
    return text
