"""How people say, in English, numbers, times, dates, durations, money and phone numbers. Values in, surfaces out."""

import datetime as dt
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from octocli.core.resolvers.dates import MONTHS, WEEKDAYS

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_MONTH_NAMES = list(MONTHS)
_DAY_NAMES = list(WEEKDAYS)


@lru_cache(maxsize=4096)
def number_words(number: int) -> str:
    """An integer in words, as said in a sentence."""
    if number < 0:
        return f"minus {number_words(-number)}"
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_SMALL[number % 10]}" if number % 10 else "")
    for scale, word in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = number % scale
            joint = " and " if 0 < rest < 100 else " "
            return f"{number_words(number // scale)} {word}" + (f"{joint}{number_words(rest)}" if rest else "")
    return str(number)


def numbers(value: Any, *, percent: bool = False, low: Any = None, high: Any = None) -> list[str]:
    """Ways to say a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [str(value)]
    if isinstance(value, float) and not value.is_integer():
        whole, _, digits = f"{value}".partition(".")
        spelled = " ".join(_SMALL[int(d)] for d in digits if d.isdigit())
        return [f"{value}", f"{number_words(int(whole))} point {spelled}"]
    number = int(value)
    found = [str(number)]
    if abs(number) < 1_000_000:
        words = number_words(number)
        found += [words, re.sub(r"^one (?=hundred|thousand)", "a ", words)]
    if abs(number) >= 1000:
        found += [f"{number:,}"] + ([f"{number // 1000}k"] if number % 1000 == 0 else [])
    if percent:
        found += {50: ["half"], 25: ["a quarter"], 75: ["three quarters"]}.get(number, [])
    if percent and high is not None and number == high:
        found += ["max", "maximum", "full"]
    if percent and low is not None and number == low:
        found += ["the minimum", "minimum"]
    return list(dict.fromkeys(found))


def times(time: dt.time) -> list[str]:
    """Ways to say a time of day that need no clock, the ambiguous ones included."""
    hour, minute = time.hour, time.minute
    short = hour % 12 or 12
    half = "am" if hour < 12 else "pm"
    part = (
        "at night"
        if hour < 4
        else "in the morning"
        if hour < 12
        else "in the afternoon"
        if hour < 18
        else "in the evening"
        if hour < 21
        else "at night"
    )
    found = [
        f"{hour:02d}:{minute:02d}",
        f"{short}:{minute:02d} {half}",
        f"{short}:{minute:02d}{half}",
        f"{hour}:{minute:02d}",
    ]
    bare = _bare(short, minute)
    found += [f"{words} {half}" for words in bare if "o'clock" not in words] + [f"{words} {part}" for words in bare]
    if minute == 0:
        found += [f"{short}{half}", f"{short} {half}", f"{short} {half[0]}.m."]
    found += [f"{short}.{minute:02d} {half}", *bare, f"{short}:{minute:02d}"]
    if minute == 0 and hour in (0, 12):
        found = ["noon", "midday", *found] if hour else ["midnight", *found]
    return list(dict.fromkeys(found))


def _bare(short: int, minute: int) -> list[str]:
    hour, after = number_words(short), number_words(short % 12 + 1)
    if minute == 0:
        return [str(short), hour, f"{short} o'clock", f"{hour} o'clock"]
    spoken_minute = f"oh {_SMALL[minute]}" if minute < 10 else number_words(minute)
    found = [f"{short}:{minute:02d}", f"{hour} {spoken_minute}"]
    if minute == 30:
        found += [f"half past {hour}", f"half past {short}"]
    elif minute == 15:
        found += [f"quarter past {hour}", f"a quarter past {short}", f"quarter after {hour}"]
    elif minute == 45:
        found += [f"quarter to {after}", f"a quarter to {short % 12 + 1}"]
    elif minute % 5 == 0:
        side = f"{number_words(minute)} past {hour}" if minute < 30 else f"{number_words(60 - minute)} to {after}"
        found += [side, re.sub(r"^\w+(?: five)?(?= (?:past|to))", str(minute if minute < 30 else 60 - minute), side)]
    return found


def relative_times(time: dt.time, now: dt.datetime) -> list[str]:
    """A time as seen from `now`: bare hours, "in 20 minutes", "tonight at 9"."""
    found = [*_bare(time.hour % 12 or 12, time.minute)]
    ahead = (time.hour * 60 + time.minute - now.hour * 60 - now.minute) % 1440
    if 0 < ahead <= 180 and (ahead % (5 if ahead <= 60 else 30) == 0 or ahead < 10):
        found += [f"in {words}" for words in durations(Fraction(ahead * 60))[:4]]
        found += [f"{words} from now" for words in durations(Fraction(ahead * 60))[:2]]
    if time.hour >= 18:
        found += [
            f"tonight at {_bare(time.hour % 12, time.minute)[0]}",
            f"{_bare(time.hour % 12, time.minute)[0]} tonight",
        ]
    if 4 <= time.hour < 12 and now.hour >= 12:
        found += [f"{_bare(time.hour % 12 or 12, time.minute)[0]} tomorrow morning"]
    return list(dict.fromkeys(found))


def ordinal_words(number: int) -> str:
    """ "first", "twenty third"."""
    if number <= 20:
        return _ORDINALS[number]
    if number == 30:
        return "thirtieth"
    return f"{_TENS[number // 10]} {_ORDINALS[number % 10]}"


def ordinal(number: int) -> str:
    """ "1st", "23rd"."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def dates(day: dt.date) -> list[str]:
    """Ways to name a day with its year."""
    month = _MONTH_NAMES[day.month - 1]
    return [
        day.isoformat(), f"{month} {ordinal(day.day)} {day.year}", f"{month} {day.day}, {day.year}",
        f"{day.day} {month} {day.year}", f"{day.month}/{day.day}/{day.year}",
        f"the {ordinal(day.day)} of {month} {day.year}",
    ]  # fmt: skip


def relative_dates(day: dt.date, today: dt.date) -> list[str]:
    """Ways to say a day as seen from `today`."""
    month, ahead = _MONTH_NAMES[day.month - 1], (day - today).days
    weekday = _DAY_NAMES[day.weekday()]
    found = {0: ["today"], 1: ["tomorrow"], 2: ["the day after tomorrow", "in two days"]}.get(ahead, [])
    if 0 < ahead <= 7:
        found = [*found, weekday, f"this {weekday}", weekday[:3]]
    if 1 < ahead < 14:
        found = [*found, f"next {weekday}", f"in {number_words(ahead)} days", f"in {ahead} days"]
    if ahead in (7, 14):
        found = [*found, "in a week" if ahead == 7 else "in two weeks", *(["next week"] if ahead == 7 else [])]
    if 0 <= ahead < 28:
        found = [*found, f"the {ordinal(day.day)}"]
    return [
        *found, f"{month} {ordinal(day.day)}", f"{month} {day.day}", f"the {ordinal(day.day)} of {month}",
        f"{day.day} {month}", f"{month[:3]} {day.day}", f"{month} {ordinal_words(day.day)}",
        f"the {ordinal_words(day.day)} of {month}", f"{day.month}/{day.day}",
    ]  # fmt: skip


def moments(moment: dt.datetime) -> list[str]:
    """Day and time with the year."""
    clock = times(moment.time())
    return [f"{day} at {time}" for day in dates(moment.date())[:4] for time in clock[:6]]


def relative_moments(moment: dt.datetime, now: dt.datetime) -> list[str]:
    """Day and time as seen from `now`, in both orders."""
    clock = [
        t for t in times(moment.time()) if not re.fullmatch(r"[\w: ]+", t) or re.search(r"[ap]m|\d|noon|midnight", t)
    ]
    days = relative_dates(moment.date(), now.date())
    found = []
    for index, day in enumerate(days[:8]):
        for time in clock[index % 3 :: 3][:5]:
            joint = "" if time.startswith(("noon", "mid")) and index % 2 else "at "
            found += [
                f"{day} {joint}{time}",
                f"{time} {'' if re.match(r'to|in|this|next|the day', day) else 'on '}{day}",
            ]
    minutes = int((moment - now.replace(tzinfo=None, second=0, microsecond=0)).total_seconds() // 60)
    if 0 < minutes <= 300:
        found += [f"in {words}" for words in durations(Fraction(minutes * 60))[:3]]
    return found


def durations(seconds: Fraction) -> list[str]:
    """Ways to say a length of time."""
    total = int(seconds)
    days, hours, minutes, rest = total // 86400, total // 3600, total // 60, total % 60
    found: list[str] = []
    if rest and total < 600:
        found += _counted(total, "second", "sec") if total <= 120 else []
        if minutes:
            found += [f"{_plural(minutes, 'minute')} and {_plural(rest, 'second')}", f"{minutes} min {rest} sec"]
            found += [f"{number_words(minutes)} and a half minutes"] if rest == 30 and minutes > 1 else []
            found += ["a minute and a half"] if total == 90 else []
    elif rest == 0 and total:
        if total <= 180 * 60 or total % 3600:
            found += _counted(minutes, "minute", "min")
        if total % 3600 == 0 and hours <= 72:
            found += _counted(hours, "hour", "hr")
        found += _mixed(hours, minutes % 60) if hours and minutes % 60 else []
        if total % 86400 == 0:
            found = (
                _counted(days, "day", "day")
                + (["a week"] if days == 7 else ["two weeks"] if days == 14 else [])
                + found
            )
    found += {
        1800: ["half an hour", "a half hour"],
        900: ["a quarter of an hour"],
        2700: ["three quarters of an hour"],
    }.get(total, [])
    return list(dict.fromkeys(found or _counted(total, "second", "sec")))


def _mixed(hours: int, minutes: int) -> list[str]:
    found = [
        f"{_plural(hours, 'hour')} and {_plural(minutes, 'minute')}", f"{_plural(hours, 'hour')} {minutes} minutes",
        f"{number_words(hours)} hour{'s' * (hours > 1)} and {number_words(minutes)} minutes", f"{hours}h {minutes}m",
    ]  # fmt: skip
    if minutes == 30:
        found += (
            ["an hour and a half", "one and a half hours"]
            if hours == 1
            else [f"{number_words(hours)} and a half hours"]
        )
        found += [f"{hours}.5 hours"]
    if hours == 1:
        found += [f"an hour and {number_words(minutes)} minutes"]
    return found


def _counted(count: int, unit: str, short: str) -> list[str]:
    found = [
        _plural(count, unit),
        f"{number_words(count)} {unit}{'s' * (count != 1)}",
        f"{count} {short}{'s' * (count != 1)}",
    ]
    if unit == "minute":
        found += [f"{count} min"]
    if count == 1:
        found += ["an hour" if unit == "hour" else f"a {unit}"]
    if count == 2 and unit != "day":
        found += [f"a couple of {unit}s"]
    return found


def _plural(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' * (count != 1)}"


def money(value: Any) -> list[str]:
    """Ways to say an amount of money; a bare number is one."""
    amount = float(value)
    whole, cents = int(amount), round((amount - int(amount)) * 100)
    if cents:
        return [
            f"{amount:.2f}",
            f"${amount:.2f}",
            f"{amount:.2f} dollars",
            f"{whole} dollars and {cents} cents",
            f"{whole} dollars {cents}",
            f"{amount}",
        ]
    words = number_words(whole)
    plural = "s" * (whole != 1)
    grouped = [f"{whole:,}", f"${whole:,}", f"{whole:,} dollars"] if whole >= 1000 else []
    return [
        f"{whole}",
        f"${whole}",
        f"{whole} dollar{plural}",
        *grouped,
        f"{words} dollar{plural}",
        f"{whole} buck{plural}",
        f"{words} buck{plural}",
        words,
        f"{whole} euro{plural}",
        f"{whole} pound{plural}",
        f"£{whole}",
        f"{whole} quid",
    ]


def phones(value: str) -> list[str]:
    """Ways to write and to say a phone number."""
    digits = re.sub(r"\D", "", value)
    found = [value]
    if len(digits) == 10:
        found += [
            f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
            f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
            f"{digits[:3]} {digits[3:6]} {digits[6:]}",
        ]
    if value.startswith("+") and len(digits) > 9:
        code, rest = (digits[:1], digits[1:]) if digits[0] in "17" else (digits[:2], digits[2:])
        found += [f"+{code} {rest[:a]} {rest[a:b]} {rest[b:]}" for a, b in ((2, 6), (3, 6))]
        found += [f"+{code} {rest}", f"+{code}-{rest[:3]}-{rest[3:]}"]
    if not value.startswith("+"):
        found += [" ".join("oh" if d == "0" else _SMALL[int(d)] for d in digits)]
    return found


def series(items: Sequence[str]) -> list[str]:
    """Ways to say several things in a row."""
    head, tail = ", ".join(items[:-1]), items[-1]
    return [f"{head} and {tail}" if head else tail, ", ".join(items), " and ".join(items)]
