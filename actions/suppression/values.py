"""Spelling of values in lists, the same for files, people and contact files."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from actions.names import visible
from actions.spreadsheet import mangled

LONGEST = 255
_HASH = re.compile(r"[0-9a-fA-F]{64}")
# Exactly one address; whether it is in use is not checked.
_EMAIL = re.compile(r"[^\s@<>()\[\]\",;:\\]+@[^\s@<>()\[\]\",;:\\]+")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_BETWEEN_DIGITS = str.maketrans("", "", " \u00a0\u202f\u2009\t.-\u2010\u2011\u2013()/")


class Unlike(ValueError):
    """The list cannot contain this value."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """Spelling of one list. `holds` is contact_id, email or phone; `calling_code` is a country's, such as 33."""

    holds: str
    hashed: bool = False
    calling_code: str = ""

    def key(self, text: str) -> str:
        """Return a value as the list stores it; raise Unlike.

        In a hashed list, 64 hexadecimal digits are a SHA-256 already.
        """
        if self.hashed and _HASH.fullmatch(visible(text)):
            return visible(text).lower()
        value = self.normal(text)
        return hashlib.sha256(value.encode()).hexdigest() if self.hashed else value

    def normal(self, text: str) -> str:
        """Return a value as it is before hashing, if any; raise Unlike."""
        text = visible(text)
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        if self.holds == "email":
            text = _email(text)
        elif self.holds == "phone":
            text = _phone(text, self.calling_code)
        if not text or len(text) > LONGEST or not _is_storable(text):
            raise Unlike
        return text


def find_fault(text: str, holds: str) -> str:
    """Return the code of what makes a line no entry although the list could contain its value; "" if nothing does."""
    if made := mangled(visible(text)):
        return made.code
    if holds == "email" and "|" in text:
        return "separator"
    return "wildcard" if holds == "email" and "*" in text else ""


def _email(text: str) -> str:
    """Return an address in lower case, with its domain in IDNA: in practice, capitals never distinguish two readers."""
    text = text.lower()
    if not _EMAIL.fullmatch(text):
        raise Unlike
    if text.isascii():
        return text
    name, _, domain = text.rpartition("@")
    try:
        return f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise Unlike from None


def _phone(text: str, calling_code: str) -> str:
    """Return a number in E.164: +33612345678. The country comes from it or from the list: 0612345678 is ambiguous."""
    digits = text.replace("(0)", "").translate(_BETWEEN_DIGITS)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    elif calling_code and digits.startswith("0"):
        digits = f"+{calling_code}{digits[1:]}"
    elif calling_code and digits.startswith(calling_code):
        digits = f"+{digits}"
    if not _NUMBER.fullmatch(digits):
        raise Unlike
    return digits


def _is_storable(text: str) -> bool:
    """Return whether a database can store the text, and a line of a file can contain it."""
    return text.isprintable() or not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)
