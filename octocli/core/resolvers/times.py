"""Times of day in words: "half past six", "7.30 in the evening", "noon", "in 20 minutes".

A bare hour from 1 to 12 is the next one after `now`; without a clock, 1 to 6 is afternoon and 7 to 11 morning.
"""

import datetime as dt
import re
from dataclasses import dataclass

from octocli.core.resolvers.durations import parse_duration
from octocli.core.resolvers.numbers import TENS, UNITS, clean, parse_number

# What a stretch of the day does to an hour: "am", "pm", or "night", where small hours stay small.
_PARTS = {
    "am": "am", "a.m": "am", "a.m.": "am", "in the morning": "am", "this morning": "am", "of the morning": "am",
    "morning": "am", "tomorrow morning": "am", "pm": "pm", "p.m": "pm", "p.m.": "pm", "in the afternoon": "pm",
    "this afternoon": "pm", "afternoon": "pm", "tomorrow afternoon": "pm", "in the evening": "pm",
    "this evening": "pm", "evening": "pm", "tomorrow evening": "pm", "at night": "night", "tonight": "night",
    "tomorrow night": "night",
}  # fmt: skip
_FIXED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0), "12 noon": (12, 0), "12 midnight": (0, 0),
          "twelve noon": (12, 0), "high noon": (12, 0)}  # fmt: skip
_CLOCK = re.compile(r"(\d{1,2})[:.h](\d{2})(?::\d{2})?")
_COMPACT = re.compile(r"(\d{1,2})(\d{2})")
_LEADS = re.compile(r"^(?:(?:at|by|for|around|about|until|till|from|exactly|on|before|after)\s+)+")


@dataclass(frozen=True)
class ClockTime:
    """Hour and minute; `open_half` where the words do not say which half of the day."""

    hour: int
    minute: int
    open_half: bool = False


def parse_time(words: str, now: dt.datetime | None) -> dt.time | None:
    """The time of day that `words` say, or None."""
    text = _LEADS.sub("", clean(words))
    if now is not None and (moment := from_now(text, now)):
        return moment.time().replace(second=0, microsecond=0, tzinfo=None)
    found = parse_clock(text)
    if found is None:
        return None
    # "tomorrow at 7" is not the next 7 o'clock, so the clock has no say.
    return dt.time(_settle(found, None if "tomorrow" in text else now), found.minute)


def from_now(text: str, now: dt.datetime) -> dt.datetime | None:
    """ "in 20 minutes", "an hour from now" as a moment."""
    text = clean(text)
    if text in ("now", "right now"):
        return now
    if text.startswith("in "):
        length = parse_duration(text.removeprefix("in ").removesuffix(" time").removesuffix("'"))
    elif text.endswith(" from now"):
        length = parse_duration(text.removesuffix(" from now"))
    else:
        return None
    return None if length is None else now + dt.timedelta(seconds=float(length))


def parse_clock(text: str) -> ClockTime | None:
    """Hour and minute of a spoken time, before the half of the day is settled."""
    text = _LEADS.sub("", clean(re.sub(r"(?<=\d)(?=[ap]\.?m\b)", " ", text.lower())))
    text, part = _split_part(text)
    if not text:
        return None
    fixed = _FIXED.get(text) or _around_fixed(text)
    if fixed:
        return ClockTime(*fixed)
    time = _bare_clock(re.sub(r"\s*o'? ?clock$", "", text))
    if time is None or not (0 <= time.hour < 24 and 0 <= time.minute < 60):
        return None
    return time if part is None else _with_part(time, part)


def _split_part(text: str) -> tuple[str, str | None]:
    """Cut a stretch of the day off either end: "tonight at 9", "7 in the evening"."""
    text = re.sub(r"\b(today|tomorrow) (?=at\b)|\b(?:at )?(?=today|tomorrow)(today|tomorrow)$", "", text).strip()
    for words, part in sorted(_PARTS.items(), key=lambda item: -len(item[0])):
        if text.endswith(" " + words):
            return _LEADS.sub("", text.removesuffix(words).strip(" ,")), part
        if text.startswith(words + " "):
            return _LEADS.sub("", text.removeprefix(words).strip(" ,")), part
    return _LEADS.sub("", text), None


def _with_part(time: ClockTime, part: str) -> ClockTime | None:
    hour = time.hour
    if hour > 12:
        return ClockTime(hour, time.minute) if part != "am" else None
    if part == "am":
        hour = hour % 12
    elif part == "pm":
        hour = hour % 12 + 12
    elif hour == 12:
        hour = 0
    elif hour >= 6:
        hour += 12
    return ClockTime(hour, time.minute)


def _settle(time: ClockTime, now: dt.datetime | None) -> int:
    if not time.open_half:
        return time.hour
    early = time.hour % 12
    if now is None:
        return early if 7 <= early <= 11 else early + 12
    minutes = now.hour * 60 + now.minute
    ahead = {h: (h * 60 + time.minute - minutes - 1) % 1440 for h in (early, early + 12)}
    return min(ahead, key=lambda h: ahead[h])


def _around_fixed(text: str) -> tuple[int, int] | None:
    for name, hour in (("midnight", 24), ("noon", 12), ("midday", 12)):
        if text.endswith(name) and (offset := _past_or_to(text.removesuffix(name).strip())) is not None:
            return (hour * 60 + offset) // 60 % 24, (hour * 60 + offset) % 60
    return None


def _bare_clock(text: str) -> ClockTime | None:
    if match := _CLOCK.fullmatch(text):
        hour = int(match[1])
        return ClockTime(hour, int(match[2]), open_half=1 <= hour <= 12 and not match[1].startswith("0"))
    if text.endswith(" hours") and (match := re.fullmatch(r"(\d{2})(\d{2}) hours", text)):
        return ClockTime(int(match[1]), int(match[2]))
    if match := _COMPACT.fullmatch(text):
        hour = int(match[1])
        return ClockTime(hour, int(match[2]), open_half=1 <= hour <= 12 and not match[1].startswith("0"))
    return _relative_clock(text) or _spoken_clock(text)


def _relative_clock(text: str) -> ClockTime | None:
    match = re.fullmatch(r"(.+?(?: past| after| to| till| before| of)|half) (\w+)", text)
    if not match:
        return None
    hour = _hour(match[2])
    offset = _past_or_to(match[1]) if match[1] != "half" else 30
    if hour is None or offset is None:
        return None
    minutes = (hour * 60 + offset) % 1440
    return ClockTime(minutes // 60 or 12, minutes % 60, open_half=1 <= hour <= 12)


def _past_or_to(text: str) -> int | None:
    """Minutes that "twenty past" or "quarter to" add to the hour."""
    words, _, side = text.rpartition(" ")
    words = re.sub(r" (?:minutes?|mins?)$", "", words)
    if words in ("quarter", "a quarter"):
        count = 15
    elif words == "half":
        count = 30
    else:
        number = parse_number(words) if words else None
        if number is None or not 0 < number < 60:
            return None
        count = int(number)
    if side in ("past", "after"):
        return count
    return -count if side in ("to", "till", "before", "of") and count != 30 else None


def _spoken_clock(text: str) -> ClockTime | None:
    tokens = text.split()
    if not tokens:
        return None
    hour = _hour(tokens[0]) if tokens[0] not in ("twenty",) or len(tokens) == 1 else None
    if hour is None:
        return None
    minute = _minute(tokens[1:])
    if minute is None:
        return None
    return ClockTime(hour, minute, open_half=1 <= hour <= 12)


def _hour(word: str) -> int | None:
    hour = UNITS.get(word, int(word) if re.fullmatch(r"\d{1,2}", word) else None)
    return hour if hour is not None and hour < 24 else None


def _minute(tokens: list[str]) -> int | None:
    if not tokens:
        return 0
    if tokens[0] in ("oh", "o") and len(tokens) == 2:
        return UNITS.get(tokens[1])
    number = parse_number(" ".join(tokens))
    sounds_right = tokens[0] in TENS or UNITS.get(tokens[0], 0) >= 10 or tokens[0].isdigit()
    return int(number) if number is not None and sounds_right and number < 60 else None
