"""Programme of the demo: eight sendouts with their expected results, and the small ones that follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CONSENT = "consent-check"
# Deadline in seconds of the sendout that is never answered, as set in gateway.yaml.
SHORT_DEADLINE = 12.0


@dataclass(frozen=True, slots=True)
class Ways:
    """Number of contacts on each of the three ways out of a held step."""

    accepted: int
    rejected: int
    timed_out: int

    @property
    def total(self) -> int:
        return self.accepted + self.rejected + self.timed_out

    def __str__(self) -> str:
        return f"{self.accepted:,} accepted, {self.rejected:,} rejected, {self.timed_out:,} timed out"


@dataclass(frozen=True, slots=True)
class Act:
    """One sendout of the demo.

    title: what it shows; names: project, journey and sendout; wanted: further settings for the simulator; decides: a
    person's decision once it is in review; note: the note for that decision.
    """

    title: str
    kind: Literal["batch", "single"]
    names: tuple[str, str, str]
    expected: Ways
    wanted: Mapping[str, Any] = field(default_factory=dict)
    decides: Literal["", "accept", "reject"] = ""
    note: str = ""

    @property
    def label(self) -> str:
        return " · ".join(self.names[1:])

    @property
    def spec(self) -> dict[str, Any]:
        """Return the request to the simulator.

        There, a rejection that is not due is a violation, so that right numbers cannot hide wrong contacts.
        """
        project, journey, sendout = self.names
        common = {"project": project, "journey": journey, "sendout": sendout, "may_reject": "due", "wait": False}
        return common | {"actions": [CONSENT]} | dict(self.wanted)


def _due(contacts: int, rule: Callable[[int], bool]) -> list[str]:
    """Return the ids that must be rejected: every tenth (no consent), and those that match the rule (index from 0)."""
    return [f"A-{index + 1:06d}" for index in range(contacts) if index % 10 == 9 or rule(index)]


def _in_nimes(index: int) -> bool:
    """Return whether the simulator puts this contact in Nîmes, the fourth of five cities that it uses in turn."""
    return index % 5 == 3


def _under_25(index: int) -> bool:
    """Return whether the simulator's generated age is below 25."""
    return 18 + index * 7 % 60 < 25


ACTS = (
    Act(
        "JSON array",
        "batch",
        ("Newsletter", "Nouveautés de juillet", "Annonce"),
        Ways(9_000, 1_000, 0),
        {"contacts": 10_000, "format": "json"},
    ),
    Act(
        "gzipped NDJSON",
        "batch",
        ("Newsletter", "Carnet de voyage", "Épisode 3"),
        Ways(7_200, 800, 0),
        {"contacts": 8_000, "format": "ndjson", "gzip": "header"},
    ),
    Act(
        "CSV, Windows-1252",
        "batch",
        ("Boutique en ligne", "Rendez-vous en boutique", "Essayages"),
        Ways(3_500, 1_500, 0),
        {
            "contacts": 5_000,
            "format": "csv",
            "delimiter": ";",
            "encoding": "windows-1252",
            "actions": [CONSENT, "boutique-ouverte"],
            "due": _due(5_000, _in_nimes),
        },
    ),
    # Of sixty contacts six have no consent, seven are under 25, and one is both.
    Act(
        "merged actions",
        "batch",
        ("Club fidélité", "Escapades d’été", "Location de voiture"),
        Ways(4_800, 1_200, 0),
        {"contacts": 6_000, "actions": [CONSENT, "age-minimum"], "due": _due(6_000, _under_25)},
    ),
    Act(
        "200 singles",
        "single",
        ("Panier et commandes", "Panier oublié", "Rappel à 24 h"),
        Ways(180, 20, 0),
        {"contacts": 1, "hooks": 200},
    ),
    Act(
        "unknown action",
        "batch",
        ("Newsletter", "Rentrée", "Avant-première"),
        Ways(1_800, 200, 0),
        {"contacts": 2_000, "actions": [CONSENT, "vip-rentree"]},
        "accept",
        "Vérifié : l’action « vip-rentree » n’est plus utilisée.",
    ),
    Act(
        "refused whole",
        "batch",
        ("Club fidélité", "Soldes d’été", "Dernière chance"),
        Ways(0, 1_500, 0),
        {"contacts": 1_500, "due": "all"},
        "reject",
        "Le prix annoncé est faux.",
    ),
    Act(
        "left unanswered",
        "batch",
        ("Événements", "Soirée d’ouverture", "Invitation"),
        Ways(0, 0, 1_200),
        {"contacts": 1_200, "due": "none", "timeout": SHORT_DEADLINE},
    ),
)


def afterwards(number: int) -> Act:
    """Return the number-th small sendout (from 0) after the programme: by turns one that passes and one held."""
    if number % 2 == 0:
        names = ("Panier et commandes", "Panier oublié", "Rappel à 24 h")
        return Act("passes by itself", "single", names, Ways(9, 1, 0), {"contacts": 10})
    contacts = 40 + number * 7 % 60
    names = ("Club fidélité", "Parrainage", "Invitez vos proches")
    wanted = {"contacts": contacts, "timeout": 300, "may_reject": "any"}
    return Act("waits in review", "batch", names, Ways(0, 0, contacts), wanted)
