"""What became of the parts of a document that could not be taken over as they were.

Collects and counts; which parts those are is known to the modules that read them.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

NoteKind = Literal["operation", "parameter", "schema", "name", "description", "keyword", "document"]

WHOLE_DOCUMENT = "whole document"
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Note:
    """One thing that was not taken over as it was: where it stands, what it is, what became of it."""

    place: str
    what: str
    became: str
    kind: NoteKind

    def line(self) -> str:
        """The note as one line for the user."""
        return " ".join(f"{self.place}: {self.what}: {self.became}".split())


class Ledger:
    """The notes of one import. Equal notes are kept once, what occurs everywhere is counted.

    Attributes:
        changes: how often anything was said, repetitions included.
    """

    def __init__(self) -> None:
        self._notes: dict[Note, None] = {}
        self._tallies: Counter[tuple[str, str]] = Counter()
        self.changes = 0

    def note(self, kind: NoteKind, place: str, what: str, became: str = "left out") -> None:
        """Name one part."""
        self.changes += 1
        self._notes[Note(place, what, became, kind)] = None

    def tally(self, what: str, became: str = "left out") -> None:
        """Count one more of a part that is named once for the whole document."""
        self.changes += 1
        self._tallies[what, became] += 1

    def notes(self) -> tuple[Note, ...]:
        """All notes in the order in which they came up, the counted ones last."""
        counted = (
            Note(WHOLE_DOCUMENT, f"{what} ({number} time{'s' * (number > 1)})", became, "keyword")
            for (what, became), number in self._tallies.items()
        )
        return (*self._notes, *counted)


def shown(value: Any) -> str:
    """A value of the document as a note shows it: quoted, on one line, not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
