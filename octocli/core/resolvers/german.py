"""German words -> values: "halb sieben", "anderthalb Stunden", "übermorgen um acht", "zwanzig Euro fünfzig".

Reads what the English readers of this package leave unread, so nothing has to say which language the words are in.
Umlauts may be spelled out. "7 Uhr" is on the clock of 24 hours; "um sieben" and "halb sieben" are the next such time.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from octocli.core.kinds import Kind, unit_of
from octocli.core.resolvers.amounts import is_percent
from octocli.core.resolvers.dates import in_year
from octocli.core.resolvers.durations import SECONDS, iso_duration, plain_number
from octocli.core.resolvers.numbers import clean

UNITS = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn"
).split()
TENS = "null zehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
MONTHS = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
WEEKDAYS = "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split()
_LEADS = re.compile(
    r"^(?:(?:um|gegen|ab|bis|so|etwa|ungefaehr|circa|ca|genau|am|fuer|auf|zum|zu|punkt|den|der|von)\s+)+"
)


@lru_cache(maxsize=4096)
def folded(words: str) -> str:
    """Lower case, umlauts spelled out, single spaces."""
    return clean(words.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss"))


_DIGITS = {folded(word): value for value, word in enumerate(UNITS[:10])} | {"ein": 1, "zwo": 2}
_SMALL = {folded(word): value for value, word in enumerate(UNITS)} | {"ein": 1, "zwo": 2}
_SMALL |= {folded(word): 10 * value for value, word in enumerate(TENS) if value}
_SMALL |= {
    f"{unit}und{folded(ten)}": one + 10 * value
    for unit, one in _DIGITS.items()
    if one and unit != "eins"
    for value, ten in enumerate(TENS)
    if value > 1
}
_COUNTS = {
    "eine": Fraction(1), "einen": Fraction(1), "einer": Fraction(1), "einem": Fraction(1), "eines": Fraction(1),
    "halb": Fraction(1, 2), "halbe": Fraction(1, 2), "eine halbe": Fraction(1, 2), "einer halben": Fraction(1, 2),
    "ein halber": Fraction(1, 2),
    "einen halben": Fraction(1, 2), "anderthalb": Fraction(3, 2), "ein paar": Fraction(3), "ein dutzend": Fraction(12),
}  # fmt: skip
_SHARES = {"haelfte": 50, "die haelfte": 50, "halb": 50, "ein viertel": 25, "drei viertel": 75, "ein drittel": 33}
_TOP = {"maximum", "das maximum", "voll", "volle", "ganz", "maximal"}
_BOTTOM = {"minimum", "das minimum", "minimal"}
_COUNTED = re.compile(r"\s*(?:%|°c?|prozent|grad(?: celsius)?|mal|personen|leute|stueck|punkte|sterne|teile)$")


def number(words: str) -> Fraction | None:
    """The exact number that `words` say as a whole, or None."""
    text = folded(words)
    if text.startswith("minus "):
        inner = number(text.removeprefix("minus "))
        return None if inner is None else -inner
    if re.fullmatch(r"\d+(?:,\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?", text):
        return Fraction(text.replace(".", "").replace(",", "."))
    if text in _COUNTS:
        return _COUNTS[text]
    if " komma " in text:
        return _decimal(text)
    whole, half, rest = text.partition("einhalb")
    if half and not rest:
        count = _cardinal(whole)
        return None if count is None else Fraction(1, 2) + count
    found = _cardinal(text.replace(" ", ""))
    return None if found is None else Fraction(found)


def _decimal(text: str) -> Fraction | None:
    left, _, right = text.partition(" komma ")
    whole, digits = number(left), [_DIGITS.get(d, int(d) if d.isdigit() else None) for d in right.split()]
    if whole is None or not digits or any(d is None for d in digits):
        return None
    return whole + Fraction(int("".join(map(str, digits))), 10 ** len(digits))


def _cardinal(text: str) -> int | None:
    if text in _SMALL:
        return _SMALL[text]
    for word, scale in (("tausend", 1000), ("hundert", 100)):
        left, found, right = text.partition(word)
        if found:
            count = _cardinal(left) if left else 1
            rest = _cardinal(right.removeprefix("und")) if right else 0
            return None if count is None or rest is None or rest >= scale else count * scale + rest
    return None


_UNIT_SECONDS = {
    "sekunde": 1, "sekunden": 1, "sek": 1, "s": 1, "minute": 60, "minuten": 60, "min": 60, "stunde": 3600,
    "stunden": 3600, "std": 3600, "h": 3600, "tag": 86400, "tage": 86400, "tagen": 86400, "woche": 604800,
    "wochen": 604800,
}  # fmt: skip
_PART = re.compile(rf"(?P<count>.*?)\s*\b(?P<unit>{'|'.join(sorted(_UNIT_SECONDS, key=len, reverse=True))})\b")
_NAMED_LENGTHS = {
    "viertelstunde": 900, "eine viertelstunde": 900, "dreiviertelstunde": 2700, "eine dreiviertelstunde": 2700,
    "halbstunde": 1800, "ne halbe stunde": 1800, "ne viertelstunde": 900, "ne stunde": 3600, "ne minute": 60,
}  # fmt: skip


def duration(words: str) -> Fraction | None:
    """The seconds that `words` say, or None."""
    text = re.sub(r"(?<=\d)(?=[a-z])", " ", _LEADS.sub("", folded(words)))
    if text in _NAMED_LENGTHS:
        return Fraction(_NAMED_LENGTHS[text])
    total, rest, unit = Fraction(0), text, 0
    while match := _PART.match(rest):
        count = number(match["count"])
        if count is None:
            return None
        unit = _UNIT_SECONDS[match["unit"]]
        total += count * unit
        rest = rest[match.end() :].strip(" ,").removeprefix("und ").strip()
    if not unit or not rest:
        return total if unit else None
    # "eine Stunde zwanzig": a bare number after hours counts minutes.
    tail = number(rest)
    return total + tail * 60 if tail is not None and unit == 3600 and 0 < tail < 60 else None


_PARTS = {
    "morgens": "am", "frueh": "am", "am morgen": "am", "in der frueh": "am", "vormittags": "am", "am vormittag": "am",
    "mittags": "noon", "am mittag": "noon", "nachmittags": "pm", "am nachmittag": "pm", "abends": "pm",
    "am abend": "pm", "nachts": "night", "in der nacht": "night",
}  # fmt: skip
# What the name of a day's part lends to the time beside it: "heute Abend um acht".
_DAY_PARTS = {"morgen": "am", "frueh": "am", "vormittag": "am", "mittag": "noon", "nachmittag": "pm", "abend": "pm",
              "nacht": "night"}  # fmt: skip
_DAY = r"(?:heute|morgen|uebermorgen)"
_WITH_DAY = re.compile(rf"{_DAY}(?: (?P<part>{'|'.join(_DAY_PARTS)}))?")


def time_of_day(words: str, now: dt.datetime | None) -> dt.time | None:
    """The time of day that `words` say, or None."""
    text = folded(words)
    if now is not None and (moment := _from_now(text, now)):
        return moment.time().replace(second=0, microsecond=0, tzinfo=None)
    dated = False
    for pattern in (rf"^{_WITH_DAY.pattern} (?P<rest>.+)$", rf"^(?P<rest>.+) {_WITH_DAY.pattern}$"):
        if match := re.match(pattern, text):
            dated, part = "morgen" in text.split()[0] or text.endswith("morgen"), match["part"]
            text = match["rest"] + (f" {_said_part(part)}" if part else "")
            break
    found = _clock(text)
    if found is None:
        return None
    hour, minute, open_half = found
    return dt.time(_settled(hour, minute, None if dated else now) if open_half else hour, minute)


def _said_part(part: str) -> str:
    return {"am": "morgens", "noon": "mittags", "pm": "abends", "night": "nachts"}[_DAY_PARTS[part]]


def _from_now(text: str, now: dt.datetime) -> dt.datetime | None:
    if text in ("jetzt", "sofort"):
        return now
    length = duration(text.removeprefix("in ")) if text.startswith("in ") else None
    return None if length is None else now + dt.timedelta(seconds=float(length))


def _clock(text: str) -> tuple[int, int, bool] | None:
    """Hour, minute, and whether the half of the day is open."""
    text, half = _LEADS.sub("", text), ""
    for words, meant in _PARTS.items():
        if text.endswith(f" {words}"):
            text, half = text.removesuffix(words).strip(), meant
            break
    if text in ("mitternacht", "mittag"):
        return (0 if text == "mitternacht" else 12), 0, False
    found = _written_clock(text) or _spoken_clock(text)
    if found is None or not (0 <= found[0] <= 24 and 0 <= found[1] < 60):
        return None
    hour, minute, open_half = found
    return (_in_half(hour, half), minute, False) if half else (hour % 24, minute, open_half and 1 <= hour <= 12)


def _in_half(hour: int, half: str) -> int:
    if hour > 12:
        return hour % 24
    early = hour % 12
    if half == "am":
        return early
    if half == "pm":
        return early + 12
    if half == "noon":
        return 11 if hour == 11 else early + 12
    return early if early < 6 else early + 12


def _settled(hour: int, minute: int, now: dt.datetime | None) -> int:
    early = hour % 12
    if now is None:
        return early if 6 <= early <= 11 else early + 12
    minutes = now.hour * 60 + now.minute
    return min((early, early + 12), key=lambda h: (h * 60 + minute - minutes - 1) % 1440)


def _written_clock(text: str) -> tuple[int, int, bool] | None:
    if match := re.fullmatch(r"(\d{1,2})[:.](\d{2})(?: uhr)?", text):
        return int(match[1]), int(match[2]), False
    if match := re.fullmatch(r"(.+?) ?uhr(?: (?:und )?(.+))?", text):
        hour, minute = number(match[1]), number(match[2]) if match[2] else Fraction(0)
        if hour is None or minute is None or hour.denominator * minute.denominator != 1:
            return None
        return int(hour), int(minute), False
    return None


def _spoken_clock(text: str) -> tuple[int, int, bool] | None:
    match = re.fullmatch(r"(?:(.+?)(?: minuten?)? (nach|vor) )?(halb )?(\w+)", text)
    quarter = re.fullmatch(r"(viertel|dreiviertel|drei viertel) (\w+)", text)
    if quarter and (hour := _hour(quarter[2])) is not None:
        return _shifted(hour, -45 if quarter[1] == "viertel" else -15)
    if not match or (hour := _hour(match[4])) is None:
        return None
    offset = -30 if match[3] else 0
    if match[1]:
        count = Fraction(15) if match[1] in ("viertel", "ein viertel") else number(match[1])
        if count is None or not 0 < count < 60:
            return None
        offset += int(count) * (1 if match[2] == "nach" else -1)
    return _shifted(hour, offset)


def _shifted(hour: int, offset: int) -> tuple[int, int, bool]:
    minutes = (hour * 60 + offset) % 1440
    # Half of the day is open at one to twelve; nobody means noon by nought.
    return (minutes // 60 or (0 if hour in (0, 24) else 12)), minutes % 60, 0 < hour <= 12


def _hour(word: str) -> int | None:
    found = int(word) if re.fullmatch(r"\d{1,2}", word) else _SMALL.get(word)
    return found if found is not None and found <= 24 else None


_MONTHS = {folded(name): n for n, name in enumerate(MONTHS, 1)} | {
    folded(name)[:3]: n for n, name in enumerate(MONTHS, 1)
}
_WEEKDAYS = {folded(name): n for n, name in enumerate(WEEKDAYS)} | {"sonnabend": 5}
_OFFSETS = {"heute": 0, "morgen": 1, "uebermorgen": 2, "gestern": -1, "naechste woche": 7, "in einer woche": 7}
_HOLIDAYS = {"heiligabend": (12, 24), "weihnachten": (12, 25), "silvester": (12, 31), "neujahr": (1, 1),
             "nikolaus": (12, 6)}  # fmt: skip
_ODD_ORDINALS = {"erste": 1, "dritte": 3, "siebte": 7, "achte": 8}


def date(words: str, today: dt.date | None) -> dt.date | None:
    """The day that `words` say, or None; relative words and dates without a year need `today`."""
    text = folded(words)
    if match := re.fullmatch(r"(?:am |den |der )*(\d{1,2})\.\s?(\d{1,2}|[a-z]+)\.?\s?(\d{4})?", text):
        month = int(match[2]) if match[2].isdigit() else _MONTHS.get(match[2], 0)
        return in_year(month, int(match[1]), int(match[3]) if match[3] else None, today)
    if match := re.fullmatch(r"(?:am |den |der )*(\w+) ([a-z]+)(?: (\d{4}))?", text):
        day, month = _ordinal(match[1]), _MONTHS.get(match[2], 0)
        if day and month:
            return in_year(month, day, int(match[3]) if match[3] else None, today)
    if today is None:
        return None
    text = re.sub(r"^(?:(?:am|an|zu|fuer|bis|ab|diesen|dieser|kommenden)\s+)+", "", text)
    if text in _OFFSETS:
        return today + dt.timedelta(days=_OFFSETS[text])
    if text in _HOLIDAYS:
        month, day = _HOLIDAYS[text]
        return in_year(month, day, None, today)
    return _weekday(text, today) or _days_ahead(text, today)


def _ordinal(word: str) -> int | None:
    """ "fünften", "zwanzigster", "dritte" as a number."""
    nominative = word.removesuffix("n").removesuffix("r")
    stem = nominative.removesuffix("te")
    return _ODD_ORDINALS.get(nominative, _SMALL.get(stem, _SMALL.get(stem.removesuffix("s"))))


def _weekday(text: str, today: dt.date) -> dt.date | None:
    after = re.sub(r"^naechste[nr]? ", "", text)
    if after not in _WEEKDAYS:
        return None
    if after != text:
        return today + dt.timedelta(days=7 - today.weekday() + _WEEKDAYS[after])
    return today + dt.timedelta(days=(_WEEKDAYS[after] - today.weekday() - 1) % 7 + 1)


def _days_ahead(text: str, today: dt.date) -> dt.date | None:
    length = duration(text.removeprefix("in ")) if text.startswith("in ") else None
    return None if length is None or length % 86400 else today + dt.timedelta(seconds=int(length))


def moment(words: str, now: dt.datetime | None) -> dt.datetime | None:
    """Date and time together; a time alone is its next occurrence after `now`."""
    text = folded(words)
    if now is not None and (ahead := _from_now(text, now)):
        return ahead.replace(second=0, microsecond=0)
    tokens = text.replace(",", " ").split()
    for cut in range(1, len(tokens)):
        left, right = " ".join(tokens[:cut]), " ".join(tokens[cut:])
        for day_words, time_words in ((left, right), (right, left)):
            day, half = _day_and_part(day_words, now.date() if now else None)
            if day and (time := time_of_day(f"{time_words}{half}", None)):
                return dt.datetime.combine(day, time)
    if now is None or (time := time_of_day(text, now)) is None:
        return None
    found = dt.datetime.combine(now.date(), time)
    return found if found > now.replace(tzinfo=None) else found + dt.timedelta(days=1)


def _day_and_part(words: str, today: dt.date | None) -> tuple[dt.date | None, str]:
    """ "morgen abend" as tomorrow, and what its evening lends to the time."""
    lead, _, last = words.rpartition(" ")
    if lead and last in _DAY_PARTS and (day := date(lead, today)):
        return day, f" {_said_part(last)}"
    return date(words, today), ""


def money(words: str) -> Fraction | None:
    """An amount of money, or None."""
    text = _LEADS.sub("", folded(words)).replace("€", " euro")
    match = re.fullmatch(r"(.+?) ?(?:euro|eur)(?: (?:und )?(.+?)(?: cents?)?)?", text)
    if match:
        whole, cents = number(match[1]), number(match[2]) if match[2] else Fraction(0)
        return None if whole is None or cents is None or cents >= 100 else whole + cents / 100
    if match := re.fullmatch(r"(.+?) cents?", text):
        cents = number(match[1])
        return None if cents is None else cents / 100
    return number(text)


def candidates(
    words: str, kind: Kind, name: str, schema: Mapping[str, Any], now: dt.datetime | None
) -> Iterator[dt.time | dt.date | dt.datetime | str | int | float]:
    """What a parameter may hold for these words; moments, dates and times as such."""
    found: dt.time | dt.date | None = None
    if kind == "time":
        found = time_of_day(words, now)
    elif kind == "date":
        found = date(words, now.date() if now else None)
    elif kind == "datetime":
        found = moment(words, now)
    if found is not None:
        yield found
    elif kind == "duration":
        yield from _lengths(words, name, schema)
    elif kind == "money" and (amount := money(words)) is not None:
        yield plain_number(amount)
    elif kind == "phone" and (digits := _spelled(words)):
        yield from (digits, f"+{digits}")
    elif kind in ("integer", "number"):
        yield from _numbers(words, name, schema)


def _lengths(words: str, name: str, schema: Mapping[str, Any]) -> Iterator[str | int | float]:
    seconds = duration(words)
    if "string" in str(schema.get("type")):
        yield from () if seconds is None else (iso_duration(seconds),)
        return
    amount = number(words) if seconds is None else seconds / SECONDS[unit_of(name, schema) or "seconds"]
    if amount is not None:
        yield plain_number(amount)


def _numbers(words: str, name: str, schema: Mapping[str, Any]) -> Iterator[int | float]:
    text = _LEADS.sub("", folded(words))
    if text in _TOP and "maximum" in schema:
        yield schema["maximum"]
    if text in _BOTTOM and "minimum" in schema:
        yield schema["minimum"]
    if is_percent(name, schema) and text in _SHARES:
        yield _SHARES[text]
    found = number(_COUNTED.sub("", text))
    if found is not None:
        yield plain_number(found)


def _spelled(words: str) -> str:
    digits = [str(_DIGITS[t]) if t in _DIGITS else t for t in folded(words).split()]
    joined = "".join(digits)
    return joined if re.fullmatch(r"\d{3,15}", joined) else ""
