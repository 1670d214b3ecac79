"""What a review finds, where, and how equal findings of many places become one line.

Leaves finding anything to the modules of the rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

# error: the model cannot learn it; warning: it will cost accuracy; note: worth knowing.
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
Rule = Literal["description", "confusable", "phrases", "enum", "unspoken", "data", "schema", "name"]


@dataclass(frozen=True)
class Finding:
    """One thing that makes a spec hard to learn.

    Attributes:
        severity: how much it matters.
        rule: which rule found it.
        place: the first function or parameter that has it, as `function.parameter`.
        what: what is wrong.
        mend: what to do.
        also: the other places that have the same.
    """

    severity: Severity
    rule: Rule
    place: str
    what: str
    mend: str
    also: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The finding for a script."""
        return asdict(self)


@dataclass(frozen=True, order=True)
class Place:
    """A place in the spec, ordered as the spec is; -1 stands before all."""

    function: int
    parameter: int
    text: str


WHOLE_SPEC = Place(-1, -1, "the whole spec")


@dataclass(frozen=True)
class Remark:
    """A finding at one place."""

    severity: Severity
    rule: Rule
    place: Place
    what: str
    mend: str


@dataclass(frozen=True)
class DataPlan:
    """How much data the spec will be learned from.

    Attributes:
        per_function: training rows that are planned for each function.
        accepted: training rows that each function has, once they are verified.
    """

    per_function: int
    accepted: Mapping[str, int] | None = None

    def rows(self, function: str) -> int:
        """Training rows of a function: those it has, or else those planned."""
        return self.per_function if self.accepted is None else self.accepted.get(function, 0)


def gathered(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Findings by severity, then in the order of the spec; what one rule says of many places is said once."""
    places: dict[tuple[Severity, Rule, str, str], set[Place]] = {}
    for remark in remarks:
        places.setdefault((remark.severity, remark.rule, remark.what, remark.mend), set()).add(remark.place)
    groups = [(key, sorted(found)) for key, found in places.items()]
    groups.sort(key=lambda group: (SEVERITIES.index(group[0][0]), group[1][0]))
    return tuple(
        Finding(severity, rule, found[0].text, what, mend, tuple(place.text for place in found[1:]))
        for (severity, rule, what, mend), found in groups
    )
