"""How far a model's choice can be believed: a temperature, and the probability of *none* above which it refuses.

Fitted on validation rows and kept in the manifest. Knows probabilities only: who makes them is a model's business,
what is done with them the runtime's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from octocli.core.errors import BadInput

# Shares of requests that no function serves which may be answered with a call; the lines between them are not kept.
SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
# The share where nobody chose one.
USUAL = 0.1
# Where nothing is known, *none* must be likelier than all calls together.
EVEN = 0.5
# Fewer rows than this say nothing about the rest.
_FEW = 20
_COLDEST, _HOTTEST = 0.5, 5.0


@dataclass(frozen=True)
class Choice:
    """One validation row.

    Attributes:
        logits: of every function and, last, of *none*.
        right: the place of the right one.
        is_near: whether nothing serves it though it is close to what something does, as a near-miss is.
    """

    logits: tuple[float, ...]
    right: int
    is_near: bool = False

    @property
    def is_negative(self) -> bool:
        """Whether nothing serves it."""
        return self.right == len(self.logits) - 1


@dataclass(frozen=True)
class Calibration:
    """What validation rows said of a model.

    Attributes:
        temperature: what logits are divided by, so that probabilities are what they say (arXiv 1706.04599).
        lines: by the share of requests that are none of the app's business and may be answered with a call, the
            probability of *none* above which the model refuses; empty where there were too few such rows.
        max_false_calls: the share that the team chose, if it did.
        rows: how many rows were looked at, by "positives" and "negatives".
    """

    temperature: float = 1.0
    lines: tuple[tuple[float, float], ...] = ()
    max_false_calls: float | None = None
    rows: tuple[int, int] = (0, 0)

    def line(self, max_false_calls: float | None = None, *, among: int = 1) -> float:
        """The probability of *none* above which the model refuses.

        A wish, the caller's or else the team's, is kept as it stands. Without one the model is as willing as a share of
        `USUAL` allows, and never refuses what is likelier a call than not: people word requests as no training row
        did, and *none* is then where an unsure model goes, and goes for sure.

        Where a request goes to several apps, `among` so many, each has a part of the share: the apps' false calls add
        up, as any of them is enough.

        Raises:
            BadInput: a caller's wish where the model has no lines.
        """
        if max_false_calls is not None and not self.lines:
            raise BadInput(
                f"this model knows no line for {max_false_calls:g} false calls: it had fewer than {_FEW} validation "
                "rows that nothing serves",
                hint="make more with: octo synth && octo verify, and train again",
            )
        chosen = self.max_false_calls if max_false_calls is None else max_false_calls
        if not self.lines:
            return EVEN
        if chosen is None:
            return max(EVEN, self._at(USUAL / among))
        return 1.0 if chosen == 1 else self._at(chosen / among)

    def _at(self, share: float) -> float:
        """The line of a share, or of the next smaller one that is known."""
        return max(line for known, line in self.lines if known <= share + 1e-9)

    def to_json(self) -> dict[str, Any]:
        """The calibration as the manifest writes it."""
        return {
            "temperature": self.temperature,
            "lines": [list(pair) for pair in self.lines],
            "max_false_calls": self.max_false_calls,
            "positives": self.rows[0],
            "negatives": self.rows[1],
        }


def parse_calibration(data: Any, source: str) -> Calibration:
    """A calibration of a manifest; the plain one where it has none.

    Raises:
        BadInput: it is damaged.
    """
    if data is None:
        return Calibration()
    try:
        lines = tuple((float(share), float(line)) for share, line in data["lines"])
        wish = data["max_false_calls"]
        rows = (int(data["positives"]), int(data["negatives"]))
        found = Calibration(float(data["temperature"]), lines, None if wish is None else float(wish), rows)
    except (KeyError, TypeError, ValueError):
        found = None
    if found is None or not 0 < found.temperature < math.inf:
        raise BadInput(f"{source}: its calibration is damaged", hint="train or export it again")
    return found


def calibrate(choices: Sequence[Choice], max_false_calls: float | None = None) -> Calibration:
    """Fit a temperature and the lines of refusal to validation rows."""
    negatives = [c for c in choices if c.is_negative]
    rows = (len(choices) - len(negatives), len(negatives))
    temperature = round(_temperature(choices), 4) if len(choices) >= _FEW else 1.0
    # Near-misses are made to be mistaken, and would move the line for everybody else.
    plain = [c for c in negatives if not c.is_near]
    if len(plain) < _FEW:
        return Calibration(temperature, (), max_false_calls, rows)
    none = sorted(probabilities(c.logits, temperature)[-1] for c in plain)
    # The model refuses above the line: so many of the rows lie on it or below, and are called.
    lines = tuple((share, _floored(none[math.floor(share * len(none))])) for share in SHARES)
    return Calibration(temperature, lines, max_false_calls, rows)


def probabilities(logits: Sequence[float], temperature: float = 1.0) -> list[float]:
    """The softmax of logits over a temperature."""
    most = max(logits)
    powers = [math.exp((x - most) / temperature) for x in logits]
    whole = math.fsum(powers)
    return [p / whole for p in powers]


def _floored(probability: float) -> float:
    """Six digits, always below the row's own probability, which is then refused."""
    return max(0.0, math.floor(probability * 1e6 - 1e-3) / 1e6)


def _temperature(choices: Sequence[Choice]) -> float:
    """The temperature under which the right choices are likeliest; the loss has one lowest point in 1/T."""
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):  # golden section: the interval shrinks to a billionth
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _loss(choices, left) < _loss(choices, right):
            high = right
        else:
            low = left
    return 2 / (low + high)


def _loss(choices: Sequence[Choice], inverse: float) -> float:
    """Negative log likelihood of the right choices at temperature 1/`inverse`."""
    total = 0.0
    for choice in choices:
        scaled = [x * inverse for x in choice.logits]
        most = max(scaled)
        total += most + math.log(math.fsum(math.exp(x - most) for x in scaled)) - scaled[choice.right]
    return total
