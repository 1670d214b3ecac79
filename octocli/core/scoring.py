"""The scores, as the design defines them: function choice, recall, abstention, strict and relaxed call, with intervals.

Compares calls with calls. Getting the calls from a model is the runtime's work.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from octocli.core.calls import dump_value, is_nested
from octocli.core.spec import Spec

Calls = Sequence[Mapping[str, Any]]

# Words that people put before a value and annotators sometimes keep: "at 10", "my husband".
_LEADING = frozenset(
    "a an the some any this that these those my your his her its our their at by for in on to of from with about near "
    "around into onto until till during after before as".split()
)


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % Wilson interval. https://doi.org/10.1080/01621459.1927.10502953"""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 to 1; not a number when nothing was counted."""
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % interval."""
        if not self.n:
            return (0.0, 1.0)
        z2 = 1.959964**2
        middle = (self.hits + z2 / 2) / (self.n + z2)
        half = math.sqrt(z2 * (self.hits * (self.n - self.hits) / self.n + z2 / 4)) / (self.n + z2)
        return (max(0.0, middle - half), min(1.0, middle + half))

    def to_json(self) -> dict[str, Any]:
        """The rate as reports write it."""
        low, high = self.interval
        value = None if not self.n else round(self.value, 5)
        return {"value": value, "low": round(low, 5), "high": round(high, 5), "hits": self.hits, "n": self.n}


def rate(hits: Iterable[bool]) -> Rate:
    """The share of true among `hits`."""
    counted = [bool(hit) for hit in hits]
    return Rate(sum(counted), len(counted))


@dataclass(frozen=True)
class PairedRate:
    """One share before and after a change, of the same rows: how many of them became worse, how many better."""

    before: Rate
    after: Rate
    worse: int
    better: int

    @property
    def difference(self) -> float:
        """What the change gave; below nothing where it cost."""
        return self.after.value - self.before.value

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference, from the rows that changed.

        Agresti and Min's for paired shares, https://doi.org/10.1002/sim.1781.
        """
        n = self.after.n + 2
        worse, better = self.worse + 0.5, self.better + 0.5
        middle = (better - worse) / n
        half = 1.959964 * math.sqrt((better + worse) - (better - worse) ** 2 / n) / n
        return middle - half, middle + half

    def to_json(self) -> dict[str, Any]:
        """The pair as reports write it."""
        return {
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "difference": round(self.difference, 5) if self.after.n else None,
            "interval": [round(end, 5) for end in self.interval],
        }


def paired_rate(pairs: Iterable[tuple[bool, bool]]) -> PairedRate:
    """The pair of shares of rows that are each true or not before and after."""
    rows = [(bool(before), bool(after)) for before, after in pairs]
    return PairedRate(
        before=rate(before for before, _ in rows),
        after=rate(after for _, after in rows),
        worse=sum(before and not after for before, after in rows),
        better=sum(after and not before for before, after in rows),
    )


def same_functions(expected: Calls, got: Calls) -> bool:
    """Function choice: the names of the calls, in order."""
    return [c["name"] for c in expected] == [c["name"] for c in got]


def same_strictly(expected: Calls, got: Calls, spec: Spec) -> bool:
    """Strict call: same functions in the same order, same arguments; letter case and outer spaces aside."""
    return [_strict(c, spec) for c in expected] == [_strict(c, spec) for c in got]


def same_relaxedly(expected: Calls, got: Calls, spec: Spec) -> bool:
    """Relaxed call: strings also lose outer punctuation and leading small words; parallel calls in any order."""
    return sorted(_relaxed(c, spec) for c in expected) == sorted(_relaxed(c, spec) for c in got)


def same_missing(expected: Calls, got: Calls) -> bool:
    """Whether the same required arguments are reported as missing, call by call."""
    return [sorted(c.get("missing", ())) for c in expected] == [sorted(c.get("missing", ())) for c in got]


def _strict(call: Mapping[str, Any], spec: Spec) -> str:
    return _canonical(call, spec, lambda text: text.strip().lower())


def _relaxed(call: Mapping[str, Any], spec: Spec) -> str:
    return _canonical(call, spec, relaxed_text)


def relaxed_text(text: str) -> str:
    """A string without outer punctuation and leading small words; never stripped to nothing.

    >>> relaxed_text("at 10"), relaxed_text("my husband."), relaxed_text("The")
    ('10', 'husband', 'the')
    """
    text = " ".join(text.lower().split())
    while True:
        bare = re.sub(r"^[^\w$€£+\-]+|[^\w%]+$", "", text) or text
        first, _, rest = bare.partition(" ")
        bare = rest if rest and first in _LEADING else bare
        if bare == text:
            return text
        text = bare


def _canonical(call: Mapping[str, Any], spec: Spec, text: Any) -> str:
    function = spec.by_name.get(call["name"])
    arguments: dict[str, Any] = {}
    for name, value in call.get("arguments", {}).items():
        parameter = function.param(name) if function else None
        if function is not None and is_nested(value, spec, function, name):
            arguments[name] = _canonical(value, spec, text)
            continue
        said = _leaves(value, text)
        if parameter is None or parameter.required or not _is_default(said, parameter.schema, text):
            arguments[name] = said
    open_names = [sorted(call.get("missing", ())), sorted(call.get("unresolved", ()))]
    return dump_value([call["name"], dict(sorted(arguments.items())), open_names])


def _is_default(said: Any, schema: Mapping[str, Any], text: Any) -> bool:
    return "default" in schema and dump_value(said) == dump_value(_leaves(schema["default"], text))


def _leaves(value: Any, text: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {k: _leaves(v, text) for k, v in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_leaves(v, text) for v in value]
    return value
