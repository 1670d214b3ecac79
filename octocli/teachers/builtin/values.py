"""Values first: arguments drawn from a parameter's schema, before there are any words for them.

Every listed value gets its turn, numbers favour the round ones that people say, free text comes from the pools and
keeps to its side of the split.
"""

import datetime as dt
import math
import random
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from octocli.core.calls import is_default
from octocli.core.kinds import kind_of, unit_of
from octocli.core.resolvers import date_forms, moment_forms, time_forms
from octocli.core.resolvers.durations import SECONDS, iso_duration
from octocli.core.samples import Split
from octocli.core.schemas import is_valid
from octocli.core.spec import Parameter
from octocli.core.split_exemptions import is_language, named_values
from octocli.core.splits import bucket_of, normal
from octocli.teachers.builtin.lexicon import Lexicon
from octocli.teachers.builtin.patterns import from_pattern
from octocli.teachers.builtin.roles import Role

Schema = Mapping[str, Any]
_LENGTHS = (60, 120, 180, 300, 300, 420, 480, 600, 600, 720, 900, 900, 1200, 1200, 1500, 1800, 1800, 2400, 2700, 3000,
            3600, 3600, 4500, 5400, 5400, 7200, 7200, 9000, 10800, 14400, 21600, 28800)  # fmt: skip
_SHORT = (10, 15, 20, 30, 30, 45, 60, 90)
_DAYS = (1, 2, 3, 4, 5, 7, 7, 10, 14, 21, 30)
_PRICES = (1, 2, 3, 5, 5, 7, 8, 10, 10, 12, 15, 20, 20, 25, 30, 40, 50, 60, 75, 100, 120, 150, 200, 250, 500, 1000)
# Of what may cost more than the dearest of these: an invoice, a used car, a month's rent.
_DEAR = (300, 340, 450, 600, 750, 850, 1200, 1250, 1500, 1800, 2000, 2400, 3000, 3750, 4100, 5000, 8000, 12000)
_ABROAD = (33, 34, 44, 49, 52, 61, 81, 91)
TRIES = 40
# How often a value is one that the spec itself names.
_NAMED = 0.3
# How often a draw of the default stands: most people leave it out, some say it.
_DEFAULT = 0.3


class ValueSource:
    """Draws values for one stream.

    Args:
        rng: the stream's random numbers.
        split: the side that free text must belong to.
        lexicon: the words that free text is drawn from.
        taken: normalised free text that another side holds already.
    """

    def __init__(self, rng: random.Random, split: Split, lexicon: Lexicon, taken: frozenset[str] = frozenset()) -> None:
        self._rng = rng
        self._split = split
        self._lexicon = lexicon
        self._taken = taken
        self._decks: dict[str, list[Any]] = {}

    def draw(self, key: str, parameter: Parameter, role: Role, now: dt.datetime) -> Any | None:
        """A valid value for `parameter`, seldom its default, or None when none was found."""
        for _ in range(TRIES):
            value = self._value(key, parameter.name, parameter.schema, role, now)
            if value is None or (is_default(value, parameter.schema) and self._rng.random() > _DEFAULT):
                continue
            if is_valid(value, parameter.schema):
                return value
        return None

    def fits(self, text: str) -> bool:
        """Whether free text belongs to this stream's side."""
        key = normal(text)
        return is_language(key) or (bool(key) and bucket_of(key) == self._split and key not in self._taken)

    def _value(self, key: str, name: str, schema: Schema, role: Role, now: dt.datetime) -> Any | None:
        kind, rng = kind_of(name, schema), self._rng
        if kind == "enum":
            choices = [v for v in schema.get("enum", [schema.get("const")]) if v is not None]
            return self._deal(key, choices)
        if kind == "boolean":
            return self._deal(key, [True, False])
        if kind == "time":
            return _first_valid(time_forms(_clock(rng)), schema)
        if kind == "date":
            return _first_valid(date_forms((now + dt.timedelta(days=_ahead(rng))).date()), schema)
        if kind == "datetime":
            moment = dt.datetime.combine((now + dt.timedelta(days=_ahead(rng))).date(), _clock(rng))
            return _first_valid(moment_forms(moment), schema) if moment > now else None
        if kind == "duration":
            return _length(rng, name, schema)
        if kind == "money":
            return _price(rng, schema)
        if kind in ("integer", "number"):
            return _number(rng, schema, role)
        if kind == "phone":
            return _first_valid(_phones(rng), schema)
        if kind == "array":
            return self._several(key, name, schema, role, now)
        if kind == "object":
            return self._object(key, schema, role, now)
        return self._text(schema, role)

    def _deal(self, key: str, choices: list[Any]) -> Any | None:
        """The next card of a shuffled deck, so that every value gets its share."""
        deck = self._decks.setdefault(key, [])
        if not deck:
            deck.extend(choices)
            self._rng.shuffle(deck)
        return deck.pop() if deck else None

    def _text(self, schema: Schema, role: Role) -> str | None:
        if "pattern" in schema or schema.get("format") in ("uuid", "uri", "ipv4"):
            pattern = schema.get("pattern") or _FORMAT_PATTERNS[schema["format"]]
            text = from_pattern(pattern, self._rng)
        elif (named := named_values(schema)) and self._rng.random() < _NAMED:
            return self._rng.choice(named)
        else:
            text = draw_text("email" if schema.get("format") == "email" else role.pool, self._lexicon, self._rng)
        if text is not None and self._rng.random() < 0.3:
            text = text.lower()
        return text if text and self.fits(text) else None

    def _several(self, key: str, name: str, schema: Schema, role: Role, now: dt.datetime) -> list[Any] | None:
        low = max(1, schema.get("minItems", 1))
        count = self._rng.randint(low, max(low, min(3, schema.get("maxItems", 3))))
        items = schema.get("items") if isinstance(schema.get("items"), Mapping) else {"type": "string"}
        found: list[Any] = []
        for _ in range(TRIES):
            value = self._value(f"{key}[]", name, items or {"type": "string"}, role, now)
            if value is not None and value not in found:
                found.append(value)
            if len(found) == count:
                return found
        return None

    def _object(self, key: str, schema: Schema, role: Role, now: dt.datetime) -> dict[str, Any] | None:
        names = schema.get("required") or list(schema.get("properties", {}))[:2]
        pairs = {n: self._value(f"{key}.{n}", n, schema.get("properties", {}).get(n, {}), role, now) for n in names}
        return None if any(v is None for v in pairs.values()) else pairs


_FORMAT_PATTERNS = {
    "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
    "uri": "https://www\\.(site|shop|news|photos)\\.(com|org)/[a-z]{4,8}",
    "ipv4": "192\\.168\\.[0-9]\\.[1-9][0-9]",
}


def draw_text(pool: str, lexicon: Lexicon, rng: random.Random, depth: int = 0) -> str:
    """One text of a pool; `{other}` inside it draws from that pool, or from a topic of that name."""
    text = rng.choice(lexicon.pools.get(pool) or lexicon.topics.get(pool) or lexicon.pools["label"])
    if "{" in text and depth < 4:
        text = re.sub(r"\{(\w+)\}", lambda m: draw_text(m[1], lexicon, rng, depth + 1), text)
    return text


def _first_valid(forms: list[str], schema: Schema) -> str | None:
    return next((form for form in forms if is_valid(form, schema)), None)


def _clock(rng: random.Random) -> dt.time:
    hour = rng.choice((*range(24), *range(6, 23), 7, 8, 18, 19))
    minute = rng.choice((0, 0, 0, 0, 30, 30, 30, 15, 45, rng.randrange(0, 60, 5), rng.randrange(60)))
    return dt.time(hour, minute)


def _ahead(rng: random.Random) -> int:
    return rng.choice((0, 1, 1, 1, 2, 3, 4, 5, 6, 7, rng.randint(1, 14), rng.randint(1, 60), rng.randint(1, 200)))


def _length(rng: random.Random, name: str, schema: Schema) -> Any | None:
    if "string" in str(schema.get("type")):
        return iso_duration(Fraction(rng.choice(_LENGTHS)))
    unit = unit_of(name, schema) or "seconds"
    if unit == "days":
        return rng.choice(_DAYS)
    lengths = (*_LENGTHS, *_SHORT) if unit == "seconds" else _LENGTHS
    low, high = _bounds(schema, (1, 10**9))
    fitting = [s for s in lengths if low <= s / SECONDS[unit] <= high and not s % SECONDS[unit]]
    if not fitting or rng.random() < 0.12:
        top = int(min(high, {"seconds": 300, "minutes": 120, "hours": 24}[unit]))
        return rng.randint(int(low), max(int(low), top))
    return rng.choice(fitting) // SECONDS[unit]


def _price(rng: random.Random, schema: Schema) -> Any | None:
    low, high = _bounds(schema, (1, 2000))
    dear = _DEAR if schema.get("maximum", 0) > _PRICES[-1] and rng.random() < 0.4 else ()
    value: float = rng.choice([p for p in dear or _PRICES if low <= p <= high] or [low])
    if "integer" not in str(schema.get("type")) and rng.random() < 0.25 and value < 200:
        value += rng.choice((0.5, 0.25, 0.99, 0.95, 0.75))
    return int(value) if float(value).is_integer() else round(value, 2)


# A range that spans more than this has numbers of every size in it.
_WIDE = 2000
# A range of other numbers than whole ones that spans less has more than one number between two whole ones.
_NARROW = 3


def _number(rng: random.Random, schema: Schema, role: Role) -> Any | None:
    low, high = _bounds(schema, role.range or (1, 20))
    whole = "integer" in str(schema.get("type"))
    step = schema.get("multipleOf") or _grain(low, high, whole)
    span = (high - low) / step
    if high - low > _WIDE and low >= 0:
        return _of_any_size(rng, low, high, step)
    if span > 30 and rng.random() < 0.65:
        step = max(step, 5 if span <= 200 else 10 ** (len(str(int(span))) - 2))
    first = -(-low // step) * step
    value = first + step * rng.randint(0, max(0, int((high - first) // step)))
    if not whole and step == 1 and span <= 100 and rng.random() < 0.3:
        value += rng.choice((0.5, 0.5, 0.5, 0.25, 0.75, 0.2, 0.4, 0.8, 0.3, 0.7, 0.9))
        value = value if value <= high else value - 1
    return int(value) if float(value).is_integer() else round(value, 10)


def _grain(low: float, high: float, whole: bool) -> float:
    """The step of numbers from `low` to `high`: 1, or of a narrow range about a tenth of it, as 0.01."""
    narrow = not whole and 0 < high - low < _NARROW
    return 10.0 ** math.floor(math.log10((high - low) / 10)) if narrow else 1


def _of_any_size(rng: random.Random, low: float, high: float, step: float) -> Any:
    """A number from a wide range: as many of tens as of thousands, most of them round."""
    size = math.exp(rng.uniform(math.log(max(low, 1)), math.log(high)))
    grain = step * 10 ** max(0, math.floor(math.log10(size)) - rng.choice((0, 1, 1, 2)))
    value = min(high, max(low, round(size / grain) * grain))
    return int(value) if float(value).is_integer() else round(value, 2)


def _bounds(schema: Schema, usual: tuple[float, float]) -> tuple[float, float]:
    low, high = schema.get("minimum"), schema.get("maximum")
    whole = "integer" in str(schema.get("type"))
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + whole  # of other numbers the bound itself is tried, and found invalid
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - whole
    if low is None:
        low = usual[0] if high is None or usual[0] <= high else high - 10
    if high is None:
        high = usual[1] if usual[1] >= low else low + 20
    return low, high


def _phones(rng: random.Random) -> list[str]:
    digits = "".join(str(rng.randint(0, 9)) for _ in range(7))
    area = rng.choice(("212", "415", "303", "617", "512", "206", "720", "555"))
    plain = f"{area}{digits}"
    abroad = [f"+{rng.choice(_ABROAD)}{plain[:9]}"] if rng.random() < 0.15 else []
    return [*abroad, plain, f"+1{plain}", f"{area}-{digits[:3]}-{digits[3:]}"]
